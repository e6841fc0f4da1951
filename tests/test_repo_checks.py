"The checks of the repository itself: each finds what it is there for, and none writes"
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import check_repo, fingerprint, results


def picture(*lines, dpi):
    import matplotlib.pyplot as plt
    fig,axes = plt.subplots(1, len(lines), figsize=(7, 2.6), dpi=dpi, layout='constrained')
    for ax,line in zip(axes, lines): ax.plot(line, lw=.5)
    png = io.BytesIO()
    fig.savefig(png, format='png')
    plt.close(fig)
    return png.getvalue()


@pytest.mark.parametrize('dpi', [70, 90, 100, 120])
def test_empty_axes_are_seen(dpi):
    assert not check_repo.empty_axes(picture([1, 2], [3, 1], dpi=dpi))
    assert check_repo.empty_axes(picture([1, 2], [], dpi=dpi))


def notebook(*cells): # (kind, source, outputs)
    return dict(cells=[dict(cell_type=k, source=s, metadata={}, **({'outputs': o} if k=='code' else {})) for k,s,*o in cells for o in [o[0] if o else []]], metadata={})


@pytest.fixture
def only(monkeypatch, tmp_path):
    "Let the checks see the given notebooks alone"
    def see(**named):
        found = {}
        for name,nb in named.items(): found[check_repo.ROOT/'nbs'/f'{name.replace("__", "/")}.ipynb'] = nb
        monkeypatch.setattr(check_repo, 'notebooks', lambda: found)
    return see


def test_blemishes(only):
    error = dict(output_type='error', ename='E', evalue='', traceback=[])
    path = dict(output_type='stream', name='stdout', text='in /tmp/x')
    only(a=notebook(('code', '1/0', [error])), b=notebook(('code', 'p', [path])), c=notebook(('markdown', '# T\ntext')),
         d={**notebook(('code', 'x')), 'metadata': {'widgets': {'a': 'x'*5000}}}, e=notebook())
    said = '\n'.join(check_repo.blemishes())
    for w in ('error output', 'absolute path', 'beside title', 'widget state', 'empty'): assert w in said


def test_lines_and_imports(only):
    low,high = '#| default_exp low','#| default_exp high'
    only(**{'10_low': notebook(('code', low), ('code', '#| export\nfrom geofractal_nb.high import f')),
            '20_high': notebook(('code', high), ('code', '#| export\nfrom geofractal_nb.low import _g'), ('code', 'x = '+'1+'*60+'1'))})
    said = list(check_repo.wrong_imports())
    assert sum('comes later' in s for s in said)==1 and sum('private _g' in s for s in said)==1
    assert len(list(check_repo.long_lines()))==1
    assert 'differently' in next(check_repo.site_order())


def test_unprinted_numbers(only):
    shown = [dict(output_type='stream', name='stdout', text='accuracy 97.60')]
    only(results__r=notebook(('markdown', 'It reaches 97.60 %, 0.62 more, in 5 seeds, $t=4.3$, `93.1`.'), ('code', 'print(x)', shown)))
    assert [s.split('number ')[1].split()[0] for s in check_repo.unprinted_numbers()]==['0.62']


def test_a_fingerprint_follows_code_not_prose(tmp_path, monkeypatch):
    lib = tmp_path/'geofractal_nb'
    lib.mkdir()
    (lib/'__init__.py').write_text('')
    def digest(text, cell='from geofractal_nb.a import f\nf()'):
        (lib/'a.py').write_text(text)
        nb = tmp_path/'nb.ipynb'
        nb.write_text(json.dumps(notebook(('code', cell))))
        fingerprint.definitions.cache_clear()
        return fingerprint.fingerprint(nb)
    monkeypatch.setattr(fingerprint, 'ROOT', tmp_path)
    base = 'Z = 1\ndef g(): return Z\ndef f():\n    "doc"\n    return g()\ndef other(): return 2\n'
    first = digest(base)
    assert digest(base.replace('doc', 'better doc').replace('def g', '# a comment\ndef g'))==first
    assert digest(base.replace('return 2', 'return 3'))==first # not reached
    assert digest(base.replace('Z = 1', 'Z = 2'))['library']!=first['library'] # reached through g
    assert digest(base, 'from geofractal_nb.a import f\nf(1)')['code']!=first['code']
    script,runs = tmp_path/'benchmarks'/'b.py',"run([there/'benchmarks'/'b.py'])"
    script.parent.mkdir()
    script.write_text('from geofractal_nb.a import f\nf(1)') # started as a process of its own
    started = digest(base, runs)
    assert digest(base.replace('Z = 1', 'Z = 2'), runs)['library']!=started['library']
    script.write_text('from geofractal_nb.a import f\nf(2)')
    assert digest(base, runs)['code']!=started['code']
    fingerprint.definitions.cache_clear()


def test_marking_a_result_and_taking_it_back(tmp_path):
    nb = notebook(('markdown', '# Title'), ('code', 'x = 1'))
    path = tmp_path/'r.ipynb'
    path.write_text(json.dumps(nb))
    results.mark(path)
    results.mark(path)
    cells = results.read(path)['cells']
    assert len(cells)==3 and cells[1]['source'][0].startswith(results.BANNER) and results.is_marked(results.read(path))
    assert results.status(path)=='never recorded'
    recorded = {**nb, 'metadata': {'geofractal': {**fingerprint.fingerprint(path), 'seconds': 300}}}
    path.write_text(json.dumps(recorded))
    assert results.status(path)=='current' and not results.is_marked(results.read(path))
    results.mark(path) # prose: the fingerprint stays
    assert results.status(path)=='current' and 'about 5 minutes' in path.read_text()
    path.write_text(path.read_text().replace('x = 1', 'x = 2'))
    assert results.status(path)=='its own code changed'


def test_small_classifiers_stand_for_the_training_alone():
    trained = {d.split()[0] for d in fingerprint.parts_of(results.ROOT/'tools'/'weights.py')}
    assert {'SimplexHead', 'train_basin_epoch', 'ContrastiveBasinLoss', 'start_from_data', 'GeoFractalClassifier'}<=trained
    assert not {'label_issues', 'train_with_adaptive_curriculum', 'bootstrap_interval', 'open_set_scores'}&trained


def test_looking_changes_nothing(root):
    before = {p: p.read_bytes() for p in [*root.glob('nbs/**/*.ipynb'), *root.glob('geofractal_nb/**/*.py'), root/'README.md']}
    check_repo.main()
    assert all(p.read_bytes()==b for p,b in before.items())


def test_a_missing_browser_is_said_aloud(root, tmp_path):
    command = [sys.executable, '-m', 'pytest', '-q', '-k', 'hundred', 'tests/test_browser.py']
    done = subprocess.run(command, cwd=root, env=os.environ|{'PATH': str(tmp_path)}, text=True,
                          capture_output=True)
    assert done.returncode==0 and '1 BROWSER TESTS DID NOT RUN (no Chromium' in done.stdout


@pytest.mark.parametrize('said', ['no npm', 'another file'])
def test_without_the_runtime_the_drawing_page_is_left_out(said, tmp_path, monkeypatch):
    from tools import draw_docs
    def npm(command, cwd, **options):
        if said=='no npm': raise FileNotFoundError('npm')
        (Path(cwd)/f'onnxruntime-web-{draw_docs.ORT}.tgz').write_bytes(b'not the package that was looked at')
    monkeypatch.setattr(draw_docs.sys, 'prefix', str(tmp_path/'none'))
    monkeypatch.setattr(draw_docs.subprocess, 'run', npm)
    found,why = draw_docs.begin(tmp_path)
    assert found is None and 'npm' in why and not list(tmp_path.iterdir())
