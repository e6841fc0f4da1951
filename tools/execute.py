"""Execute notebooks in place as they are committed: `python tools/execute.py nbs/40_losses.ipynb ...`

Without progress bars, execution times and widget state, which would change with every run.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

VIEW = 'application/vnd.jupyter.widget-view+json'


def execute(path):
    "Run a notebook and write it back with its outputs; returns the seconds it took"
    import nbformat
    from nbclient import NotebookClient
    nb,begun = nbformat.read(path, 4),time.monotonic()
    os.environ['GEOFRACTAL_HEADLESS'] = '1'
    options = dict(timeout=None, kernel_name='python3', store_widget_state=False)
    NotebookClient(nb, resources={'metadata': {'path': str(Path(path).parent)}}, **options).execute()
    for c in nb.cells:
        c.metadata.pop('execution', None)
        if c.cell_type=='code':
            c.outputs = [o for o in c.outputs if not (o.output_type=='stream' and o.name=='stderr')]
            for o in c.outputs: # a widget that leaves a picture is shown as that until it is run
                if 'image/png' in o.get('data', {}): o['data'].pop(VIEW, None)
    nb.metadata.pop('widgets', None)
    nbformat.write(nb, path)
    subprocess.run(['nbdev_clean', '--fname', str(path)], check=True)
    return time.monotonic()-begun


if __name__=='__main__':
    for p in sys.argv[1:]: print(f'{p}: {execute(p):.0f} s')
