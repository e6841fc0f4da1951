"Several processes, launched by torchrun: the same weights everywhere, the curve of one process, a killed one, other numbers of them"
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import distributed_job as job
from geofractal_nb.storage import run_lock
from geofractal_nb.training.distributed import shard
from geofractal_nb.training.observers import Observer

pytest.importorskip('accelerate')
JOB = Path(job.__file__)


def torchrun(processes, *args, kill='', cwd=None):
    "(exit code, all it said) of so many processes on this machine"
    env = {**os.environ, 'GLOO_SOCKET_IFNAME': 'lo', 'OMP_NUM_THREADS': '1', 'WORLD': str(processes), 'KILL': kill or '-1,0,0'}
    command = [sys.executable, '-m', 'torch.distributed.run', '--nnodes', '1', '--nproc_per_node', str(processes), '--rdzv-backend', 'c10d',
               '--rdzv-endpoint', '127.0.0.1:0', '--local-addr', '127.0.0.1', *map(str, args)]
    p = subprocess.run(command, capture_output=True, text=True, timeout=240, env=env, cwd=cwd)
    return p.returncode,p.stdout+p.stderr


def trained(processes, kind, folder):
    "What they got to"
    record = folder.parent/f'{folder.name}.json'
    code,said = torchrun(processes, JOB, kind, folder, record)
    assert code==0, said
    found = json.loads(record.read_text())
    assert len(found['weights'])==processes and len(set(found['weights']))==1
    return found


def alone(kind, folder, *observers): return json.loads(json.dumps(job.train(kind, folder, observers)[1]))


def is_close(a, b, name=''):
    "Counts are equal, what is computed agrees as floating-point sums in another order do; the bins of calibration errors jump"
    assert type(a) is type(b), name
    if isinstance(a, dict):
        assert a.keys()==b.keys(), name
        for n in a.keys()-{'seconds', 'weights'}: is_close(a[n], b[n], n)
    elif isinstance(a, list):
        assert len(a)==len(b), name
        for x,y in zip(a, b): is_close(x, y, name)
    elif isinstance(a, float) and 'top' not in name and 'ece' not in name:
        assert a==pytest.approx(b, rel=2e-3, abs=.02 if 'accuracy' in name else 1e-3), name
    elif 'ece' not in name: assert a==b, name


@given(st.integers(0, 500), st.integers(1, 40))
def test_shards_cover_every_row_once_and_in_order(rows, size):
    parts = [list(shard(range(rows), r, size)) for r in range(size)]
    assert sum(parts, [])==list(range(rows))
    assert max(map(len, parts))-min(map(len, parts))<=1


@pytest.mark.parametrize('kind, processes', [('basin', 2), ('tiny', 3), ('curriculum', 2)])
def test_several_processes_are_one(kind, processes, tmp_path):
    is_close(trained(processes, kind, tmp_path/'several'), alone(kind, tmp_path/'one')|{'weights': []})
    names = [sorted(p.relative_to(tmp_path/n).as_posix() for p in (tmp_path/n).rglob('*')) for n in ('several', 'one')]
    assert names[0]==names[1]


@contextmanager
def stopped(observer):
    with pytest.raises(KeyboardInterrupt): yield observer


class Stop(Observer):
    "Ends a training at its third step after the first epoch"
    def step(self, state, loss):
        self.left = getattr(self, 'left', 3)-(state.epoch>0)
        if not self.left: raise KeyboardInterrupt


def files(folder): return {p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()}


@pytest.mark.parametrize('kind, killed, then', [('basin', '1,1,2', 3), ('basin', '0,2,0', 1), ('curriculum', '1,1,1', 1)])
def test_a_killed_process_ends_all_and_any_number_goes_on(kind, killed, then, tmp_path):
    whole = alone(kind, tmp_path/'whole')
    code,said = torchrun(2, JOB, kind, tmp_path/'run', tmp_path/'none.json', kill=killed)
    assert code!=0 and not (tmp_path/'none.json').exists()
    assert said.count('another process has ended')<=1 and 'SIGKILL' in said, said
    folder = next((tmp_path/'run').rglob('train_config.json')).parent
    with run_lock(folder): assert files(tmp_path/'run')<=files(tmp_path/'whole') # free, and nothing half-written
    again = alone(kind, tmp_path/'run') if then==1 else trained(then, kind, tmp_path/'run')
    is_close({n: v for n,v in again.items() if n!='weights'}, whole)
    assert files(tmp_path/'run')==files(tmp_path/'whole') or kind=='basin' # a best model's name has its accuracy


@pytest.mark.parametrize('kind', ['basin', 'curriculum'])
def test_several_go_on_where_one_stopped(kind, tmp_path):
    with stopped(Stop()) as stop: alone(kind, tmp_path/'run', stop)
    is_close(trained(2, kind, tmp_path/'run')|{'weights': []}, alone(kind, tmp_path/'whole')|{'weights': []})


def test_an_error_of_one_is_everyones(tmp_path):
    code,said = torchrun(2, JOB, 'differ', tmp_path/'a', tmp_path/'a.json')
    assert code!=0 and said.count('ValueError: the configuration must be the same in all processes')==2, said
    (tmp_path/'b/weights/toy/run').mkdir(parents=True)
    with run_lock(tmp_path/'b/weights/toy/run'): code,said = torchrun(2, JOB, 'basin', tmp_path/'b', tmp_path/'b.json')
    assert code!=0 and 'is in use by another run' in said and 'another process has ended' not in said, said


def test_the_command_is_the_same_under_torchrun(toy, tmp_path):
    path,_,_ = toy
    words = 'train-basin', path, '-q', '-p', 'scales=8', '-p', 'epochs=2'
    for n in (2, 1):
        code,said = torchrun(n, '-m', 'geofractal_nb.cli', *words, '-o', tmp_path/str(n), cwd=tmp_path)
        assert code==0 and said.count('of the test rows are classified correctly')==1 and said.count('run folder')==1, said
    runs = [next((tmp_path/n/'basin').iterdir()) for n in '12']
    assert runs[0].name==runs[1].name and files(runs[0]) and not any('.ckpt.' in f for f in files(tmp_path))
    histories = [json.loads((r/'training_history.json').read_text()) for r in runs]
    is_close(*histories)
