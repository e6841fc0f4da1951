"Sweeps: resumed after every kind of end, on every engine; what is refused; table and page"
import importlib.util
import json
import signal
import subprocess
import sys
from contextlib import contextmanager

import nbformat
import pandas as pd
import psutil
import pytest

from geofractal_nb.cli import main
from geofractal_nb.sweep import load_sweep, run_sweep, sweep_points

SHOW = "from IPython.display import display\ndisplay({'application/json': dict(double=2*value, word='w')}, raw=True, metadata={'scrap': 'result'})"
# The first execution of point 2 ends a process above its kernel: 1 is the worker, 2 what started it
KILLS = """import os, pathlib, signal, psutil
if value==2 and not (mark := pathlib.Path(place)/'killed').exists():
    while other and not list(pathlib.Path(place).glob(other)): pass
    mark.write_text('')
    os.kill(psutil.Process().parents()[LEVEL-1].pid, signal.SIGKILL)
    while True: signal.pause()
"""
ENGINES = [pytest.param(e, marks=pytest.mark.skipif(importlib.util.find_spec(module) is None, reason=f'{module} is not installed'))
           for e,module in (('joblib', 'joblib'), ('dask', 'distributed'), ('ray', 'ray'))]


def write_notebook(path, code):
    declared = 'value: int = 2 # A number\nlr: float = .1 # Another\nplace: str = "" # A folder\nother: str = "" # A pattern'
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(declared, metadata={'tags': ['parameters']}), nbformat.v4.new_code_cell(code+SHOW)])
    nb.metadata['kernelspec'] = {'name': 'python3', 'display_name': 'python3', 'language': 'python'}
    nbformat.write(nb, path)
    return path


def sweep(*args, **kwargs):
    command = [sys.executable, '-c', 'import sys; from geofractal_nb.cli import main; sys.exit(main())', 'sweep', *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def records(out): return {p.parent.name: p.stat().st_mtime_ns for p in out.glob('points/*/point.json')}


@pytest.mark.parametrize('engine', ENGINES)
def test_a_worker_killed_in_the_middle_loses_nothing(engine, tmp_path):
    nb = write_notebook(tmp_path/'kills.ipynb', KILLS.replace('LEVEL', '1'))
    frame = run_sweep(nb, [dict(value=v, place=str(tmp_path)) for v in (1, 2, 3)], tmp_path/'out', engine=engine)
    assert (tmp_path/'killed').exists()
    assert frame[['status', 'double']].values.tolist()==[['finished', 2*v] for v in (1, 2, 3)]
    assert all((tmp_path/'out'/n).is_file() for n in frame.notebook)
    before = records(tmp_path/'out')
    assert run_sweep(nb, [dict(value=v, place=str(tmp_path)) for v in (3, 1)], tmp_path/'out', engine=engine).equals(frame)
    assert records(tmp_path/'out')==before


@contextmanager
def cluster_of_others(engine):
    "The address of two workers that a sweep did not start"
    if engine=='dask':
        from distributed import LocalCluster
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster: yield cluster.scheduler_address
    else:
        import ray
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        try: yield ray.get_runtime_context().gcs_address
        finally: ray.shutdown()


@pytest.mark.parametrize('engine', ENGINES[1:])
def test_a_cluster_of_others_does_the_same(engine, tmp_path):
    nb = write_notebook(tmp_path/'kills.ipynb', KILLS.replace('LEVEL', '1'))
    with cluster_of_others(engine) as address:
        p = sweep(nb, '-g', 'value=1,2,3', '-p', f'place={tmp_path}', '-o', tmp_path/'out', '--engine', engine, '--address', address, '-q', '--json')
        out,err = p.communicate(timeout=200)
    assert p.returncode==0 and (tmp_path/'killed').exists(), err
    assert [(r['status'], r['double']) for r in json.loads(out)['points']]==[('finished', 2*v) for v in (1, 2, 3)]


def test_a_point_that_always_kills_its_worker_is_given_up(tmp_path):
    nb = write_notebook(tmp_path/'kills.ipynb', 'import os, signal\nif value==2: os.kill(os.getppid(), signal.SIGKILL)\n')
    frame = run_sweep(nb, [dict(value=v) for v in (1, 2)], tmp_path/'out')
    assert list(frame.status)==['finished', 'failed'] and 'given up: its worker ended 3 times' in frame.error[1]


def test_sigkill_of_the_sweep_loses_no_finished_point(tmp_path):
    nb = write_notebook(tmp_path/'kills.ipynb', KILLS.replace('LEVEL', '2'))
    call = [nb, '-g', 'value=1,2', '-p', f'place={tmp_path}', '-p', 'other=out/points/*/point.json', '-o', tmp_path/'out', '-q']
    p = sweep(*call)
    p.communicate(timeout=200)
    assert p.returncode==-signal.SIGKILL and (tmp_path/'killed').exists()
    before = records(tmp_path/'out')
    assert list(load_sweep(tmp_path/'out').status)==['finished', 'waiting'] and len(before)==1
    p = sweep(*call, '--json')
    out,err = p.communicate(timeout=200)
    assert (p.returncode, err)==(0, '')
    assert [r['double'] for r in json.loads(out)['points']]==[2, 4]
    assert before.items()<=records(tmp_path/'out').items()


def test_ctrl_c_ends_workers_and_kernels(tmp_path):
    nb = write_notebook(tmp_path/'endless.ipynb', 'import os, pathlib, signal, psutil\nme = psutil.Process()\npathlib.Path(place, f"{value}").write_text(f"{me.pid} {me.ppid()}")\n'
                        'while len([p for p in pathlib.Path(place).iterdir() if p.name in "12" and p.read_text()])<2: pass\n'
                        'if value==1: os.kill(me.parents()[1].pid, signal.SIGINT)\nwhile True: signal.pause()\n')
    p = sweep(nb, '-g', 'value=1,2', '-p', f'place={tmp_path}', '-o', tmp_path/'out', '-q')
    out,err = p.communicate(timeout=200)
    assert (p.returncode, out)==(130, '') and err.count('\n')==1 and 'the same command goes on from there' in err, err
    below = [int(w) for n in '12' for w in (tmp_path/n).read_text().split()]
    gone = lambda pid: not psutil.pid_exists(pid) or psutil.Process(pid).status()==psutil.STATUS_ZOMBIE
    assert all(map(gone, below)) and not records(tmp_path/'out')


def test_a_failed_point_is_listed_and_the_rest_finished(tmp_path):
    nb = write_notebook(tmp_path/'picky.ipynb', 'if value==1 and not place: raise ValueError("no <b>place</b>")\n')
    p = sweep(nb, '-g', 'value=1,2', '-g', 'lr=1e-3,0.1', '--random', 3, cwd=tmp_path)
    out,err = p.communicate(timeout=200)
    frame = load_sweep(tmp_path/'runs/sweep/picky')
    failed = frame[frame.status=='failed']
    assert p.returncode==1 and len(frame)==3 and 0<len(failed)<3
    last = [l for l in err.splitlines() if l.startswith('geofractal:')]
    assert len(last)==1+len(failed) and all(f'runs/sweep/picky/{n}' in err for n in failed.notebook) and 'picky failed: ValueError: no <b>place</b>' in last[0]
    assert 'sweep: 100%' in err and f'{len(failed)} failed' in err and '\n\n' not in err
    assert 'page: runs/sweep/picky/sweep.html' in out and 'double lies between' in out or len(set(frame.double.dropna()))==1
    page = (tmp_path/'runs/sweep/picky/sweep.html').read_text()
    assert page.count('>open</a>')==3 and '<b>place' not in page and 'src="http' not in page and 'href="http' not in page
    for read,name in ((pd.read_csv, 'csv'), (pd.read_parquet, 'parquet')):
        found = read(tmp_path/f'runs/sweep/picky/sweep.{name}')
        assert list(found)==list(frame) and list(found.double.dropna())==list(frame.double.dropna())


def test_a_changed_notebook_is_executed_anew_and_a_changed_text_is_not(tmp_path):
    nb = write_notebook(tmp_path/'a.ipynb', '')
    assert list(run_sweep(nb, [{'value': 3}], tmp_path/'out', jobs=1).double)==[6]
    before = records(tmp_path/'out')
    changed = nbformat.read(nb, 4)
    changed.cells.append(nbformat.v4.new_markdown_cell('text'))
    nbformat.write(changed, nb)
    run_sweep(nb, [{'value': 3}], tmp_path/'out', jobs=1)
    assert records(tmp_path/'out')==before
    write_notebook(nb, 'value += 1\n')
    assert list(run_sweep(nb, [{'value': 3}], tmp_path/'out', jobs=1).double)==[8]


@pytest.mark.parametrize('args, words', [([], 'needs values to try'), (['-g', 'valu=1,2'], 'did you mean value'), (['-g', 'value=1,two'], 'value must be int'), (['-g', 'value'], 'NAME=VALUE,VALUE'), (['-g', 'value=1,,2'], 'NAME=VALUE,VALUE'),
    (['-g', 'value=1', '-g', 'value=2'], 'given twice'), (['-g', 'value=1', '-p', 'value=2'], 'given twice'), (['-g', 'out_dir=a,b'], 'use -o'), (['--seeds', '4-0'], '0-4 or 0,2,7'), (['--seeds', '0-2'], 'unknown parameters'),
    (['-g', 'value=1,2', '--random', '0'], '--random'), (['-g', 'value=1,2', '--jobs', '0'], '--jobs'), (['-g', 'value=1,2', '--engine', 'slurm'], 'engine must be one of'), (['-g', 'value=1,2', '--address', 'tcp://here:1'], 'needs the engine'),
    (['-g', 'value=1,2', '--sampler', 'tpe'], '--trials N'), (['-g', 'value=1,2', '--sampler', 'tpe', '--trials', '3', '--random', '1'], 'tpe has --trials'), (['-g', 'value=1,x', '--sampler', 'tpe', '--trials', '3'], 'value must be int'), (['-g', 'value=1,2', '--sampler', 'best'], '--sampler'),
    (['-g', f'value={",".join(map(str, range(200)))}', '-g', f'lr={",".join(map(str, range(200)))}'], 'points are too many')])
def test_wrong_calls_are_refused_before_anything_starts(args, words, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_notebook(tmp_path/'a.ipynb', '')
    monkeypatch.setattr('geofractal_nb.sweep.execute_point', lambda job: pytest.fail('a point was begun'))
    assert main(['sweep', 'a.ipynb', *args])==2
    out,err = capfd.readouterr()
    assert out=='' and err.count('\n')==1 and words in err and len(err)<720, err
    assert [p.name for p in tmp_path.iterdir()]==['a.ipynb']


@pytest.mark.parametrize('content', ['', '[]', '{}', '{"notebook": "a", "code": "x", "defaults": {}, "points": []}'])
def test_foreign_folders_are_refused(content, tmp_path):
    (tmp_path/'sweep.json').write_text(content)
    with pytest.raises(ValueError, match='sweep.json'): load_sweep(tmp_path)


def test_points_cover_the_grid_and_draws_repeat():
    grid = {'a': list(range(7)), 'b': list('xyz')}
    every = sweep_points(grid)
    assert len({tuple(p.items()) for p in every})==21
    drawn = sweep_points(grid, random=9, seed=3)
    assert len(drawn)==9 and [p for p in every if p in drawn]==drawn==sweep_points(grid, random=9, seed=3)
    assert sweep_points(grid, random=99)==every


def test_chosen_points_go_on_where_they_were_cut_off(tmp_path):
    optuna = pytest.importorskip('optuna')
    nb = write_notebook(tmp_path/'picky.ipynb', 'if value==3: raise ValueError("not three")\n')
    call = ['sweep', str(nb), '--sampler', 'tpe', '-g', 'value=1,2,3,4,5', '-o', str(tmp_path/'out'), '-q', '--json']
    assert main([*call, '--trials', '3', '--jobs', '1']) in (0, 1)
    study = optuna.load_study(study_name='sweep', storage=f'sqlite:///{tmp_path}/out/optuna.db')
    cut = study.ask({'value': optuna.distributions.CategoricalDistribution(list('12345'))})
    before = {n: t for n,t in records(tmp_path/'out').items() if 'value=3' not in n} # which is tried again
    assert main([*call, '--trials', '5', '--jobs', '1']) in (0, 1)
    trials = study.trials
    assert [t.state.is_finished() for t in trials]==[True]*5 and trials[3].params==cut.params
    assert all(t.value==2*int(t.params['value']) if t.params['value']!='3' else t.state.name=='FAIL' for t in trials)
    assert before.items()<=records(tmp_path/'out').items()
    assert set(load_sweep(tmp_path/'out').value)=={int(t.params['value']) for t in trials}
