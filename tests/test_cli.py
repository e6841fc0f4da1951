"The command: signals, dying kernels, full disks, where the user stands"
import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import psutil
import pytest


def geofractal(*args, **kwargs):
    return subprocess.Popen([sys.executable, '-c', 'import sys; from geofractal_nb.cli import main; sys.exit(main())', *map(str, args)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **kwargs)


def write_notebook(path, code):
    nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell('value: int = 2 # A number\nnote: str = ""  # A file', metadata={'tags': ['parameters']}), nbformat.v4.new_code_cell(code)])
    nb.metadata['kernelspec'] = {'name': 'python3', 'display_name': 'python3', 'language': 'python'}
    nbformat.write(nb, path)
    return path


def wait_until(true, seconds=90):
    until = time.monotonic()+seconds
    while not true():
        assert time.monotonic()<until
        threading.Event().wait(.05)


@pytest.mark.parametrize('sent, code', [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_kernel_and_says_how_to_resume(sent, code, tmp_path):
    nb = write_notebook(tmp_path/'endless.ipynb', 'import os, pathlib\npathlib.Path("started.tmp").write_text(str(os.getpid()))\nos.rename("started.tmp", "started")\nwhile True: pass')
    p = geofractal('run', nb, '-o', tmp_path/'out', '-q', cwd=tmp_path)
    wait_until((tmp_path/'started').exists)
    kernel = int((tmp_path/'started').read_text())
    p.send_signal(sent)
    out,err = p.communicate(timeout=60)
    assert (p.returncode, out)==(code, '')
    assert err.count('\n')==1 and 'the same command goes on from there' in err
    assert not psutil.pid_exists(kernel) or psutil.Process(kernel).status()==psutil.STATUS_ZOMBIE


def test_a_dead_kernel_is_one_sentence(tmp_path):
    nb = write_notebook(tmp_path/'dying.ipynb', 'import os, signal\nos.kill(os.getpid(), signal.SIGKILL)')
    p = geofractal('run', nb, '-o', tmp_path/'out', '-q', cwd=tmp_path)
    out,err = p.communicate(timeout=120)
    assert (p.returncode, out)==(1, '') and err.count('\n')==1 and 'its kernel died' in err, err


def test_a_failing_notebook_is_one_plain_line_and_exit_code_1(tmp_path):
    nb = write_notebook(tmp_path/'failing.ipynb', 'raise ValueError("first\\nsecond "+"x"*5000)')
    p = geofractal('run', nb, '-o', tmp_path/'out', '-q', cwd=tmp_path)
    out,err = p.communicate(timeout=120)
    assert (p.returncode, out)==(1, '') and err.count('\n')==1 and '\x1b' not in err and len(err)<1000, err
    assert 'failing failed: ValueError: first second' in err
    copies = list((tmp_path/'out/notebooks').iterdir())
    assert len(copies)==1 and str(copies[0]) in err and 'Traceback' in copies[0].read_text()


def test_relative_paths_are_relative_to_where_the_user_stands(tmp_path):
    (tmp_path/'here').mkdir()
    (tmp_path/'here/note.txt').write_text('found')
    nb = write_notebook(tmp_path/'reads.ipynb', 'from geofractal_nb.runner import show_result\nshow_result({"text": open(note).read(), "value": value})')
    p = geofractal('run', '../reads.ipynb', '-q', '--json', '-p', 'note=note.txt', '-p', 'value=7', cwd=tmp_path/'here')
    out,err = p.communicate(timeout=120)
    assert p.returncode==0, err
    said = json.loads(out)
    assert (said['text'], said['value'])==('found', 7)
    assert os.path.dirname(said['notebook'])==str(tmp_path/'here/runs/notebooks')


def test_a_disk_without_room_is_one_sentence(tmp_path):
    nb = write_notebook(tmp_path/'fine.ipynb', 'from geofractal_nb.runner import show_result\nshow_result({"text": "x"*9000})')
    code = 'import resource, sys\nfrom geofractal_nb.cli import main\nresource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\nsys.exit(main())'
    p = subprocess.run([sys.executable, '-c', code, 'run', str(nb), '-o', str(tmp_path/'out'), '-q'], capture_output=True, text=True, cwd=tmp_path)
    assert (p.returncode, p.stdout)==(1, '') and p.stderr.count('\n')==1, p.stderr
    assert 'File too large' in p.stderr or 'No space left' in p.stderr


@pytest.mark.parametrize('args, words', [(['train_basin', '-p', 'dataset=mnist'], 'unknown dataset'), (['train_basin', '-p', 'dataset=none.npz'], "no file 'none.npz'"),
    (['train_basin', '-p', 'out_dir='], 'use -o'), (['train_basin', '-p', 'progress=1'], 'use -o'), (['train_basin', '-p', f'run_id={"x"*300}'], 'run_id must be'),
    (['train_basin', '-p', 'seed=1', '-p', 'seed=2'], 'given twice'), (['train_basin', '-p', '=1'], 'NAME=VALUE'), (['train_basin', '-p', f'dataset={"y"*5000}'], 'unknown dataset'),
    (['none.ipynb'], 'no notebook'), (['x'*5000+'.ipynb'], 'no notebook'), (['train_basin', '-p', f'dataset={"y"*5000}.npz'], 'no file'), (['train_basin', '-p', 'seed=-1'], 'seed'),
    (['train_basin', '-p', 'dataset=a/b/c/../..'], 'unknown dataset'), (['train_basin', '-o', ''], 'folder'), (['train_basin', '-o', 'z'*400], 'folder'), (['train_basin', '-o', '/dev/null'], 'is a file'), (['x'*5000], 'unknown experiment'), (['train_basin', '-p', 'precision=fp8'], 'precision'), (['train_basin', '-p', 'device=gpu7'], 'gpu7')])
def test_wrong_calls_are_refused_before_anything_starts(args, words, tmp_path, capsys, monkeypatch):
    from geofractal_nb.cli import main
    monkeypatch.chdir(tmp_path)
    assert main(['run', *args])==2
    out,err = capsys.readouterr()
    assert out=='' and err.count('\n')==1 and words in err and len(err)<700, err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('content', ['', '[]', '{}', '{"cells": []}', '{"cells": 3}', '{"nbformat": 4, "cells": [7]}', '\x00\x01', '[' * 100_000])
def test_foreign_notebooks_are_refused(content, tmp_path, capsys):
    from geofractal_nb.cli import main
    path = tmp_path/'foreign.ipynb'
    path.write_text(content)
    assert main(['run', str(path), '-o', str(tmp_path/'out')])==2
    err = capsys.readouterr().err
    assert err.count('\n')==1 and 'foreign.ipynb' in err, err
    assert not (tmp_path/'out').exists()
