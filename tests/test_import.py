"What importing the library costs, counted in modules"
import subprocess
import sys

HEAVY = ('matplotlib', 'ipywidgets', 'IPython', 'sklearn', 'pandas', 'scipy', 'papermill', 'transformers', 'tensorboard', 'pyarrow', 'datasets', 'nbdev', 'fastcore')


def loaded(code):
    said = subprocess.run([sys.executable, '-c', f"import torch, sys; before=set(sys.modules); {code}; print(*sorted({{m.split('.')[0] for m in set(sys.modules)-before}}))"],
                          capture_output=True, text=True, check=True).stdout
    return set(said.split())


def test_importing_the_package_loads_nothing_else(): assert loaded('import geofractal_nb')=={'geofractal_nb'}


def test_training_needs_nothing_heavy():
    found = loaded('import geofractal_nb.training.basin, geofractal_nb.plots.basin, geofractal_nb.runner, geofractal_nb.cli')
    assert not found&set(HEAVY), found&set(HEAVY)
