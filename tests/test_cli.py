"The command: what it says and refuses, signals, dying kernels, full disks, where the user stands"
import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import numpy as np
import psutil
import pytest
from typer.testing import CliRunner

from geofractal_nb.cli import app, main
from geofractal_nb.storage import load_json

COMMANDS = ['train-basin', 'predict', 'export', 'label-issues', 'probe', 'curriculum', 'viz', 'report', 'checkpoint', 'compare', 'info', 'math', 'run', 'sweep', 'show', 'datasets', 'runs']


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
    (['train_basin', '-p', 'out_dir='], 'use -o'), (['train_basin', '-p', 'progress=1'], 'use -q'), (['train_basin', '-p', f'run_id={"x"*300}'], 'run_id must be'),
    (['train_basin', '-p', 'seed=1', '-p', 'seed=2'], 'given twice'), (['train_basin', '-p', '=1'], 'NAME=VALUE'), (['train_basin', '-p', f'dataset={"y"*5000}'], 'unknown dataset'),
    (['none.ipynb'], 'no notebook'), (['x'*5000+'.ipynb'], 'no notebook'), (['train_basin', '-p', f'dataset={"y"*5000}.npz'], 'no file'), (['train_basin', '-p', 'seed=-1'], 'seed'),
    (['train_basin', '-p', 'dataset=a/b/c/../..'], 'unknown dataset'), (['train_basin', '-o', ''], 'folder'), (['train_basin', '-o', 'z'*400], 'folder'), (['train_basin', '-o', '/dev/null'], 'is a file'), (['x'*5000], 'unknown experiment'), (['train_basin', '-p', 'precision=fp8'], 'precision'), (['train_basin', '-p', 'device=gpu7'], 'gpu7')])
def test_wrong_calls_are_refused_before_anything_starts(args, words, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(['run', *args])==2
    out,err = capsys.readouterr()
    assert out=='' and err.count('\n')==1 and words in err and len(err)<700, err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('content', ['', '[]', '{}', '{"cells": []}', '{"cells": 3}', '{"nbformat": 4, "cells": [7]}', '\x00\x01', '[' * 100_000])
def test_foreign_notebooks_are_refused(content, tmp_path, capsys):
    path = tmp_path/'foreign.ipynb'
    path.write_text(content)
    assert main(['run', str(path), '-o', str(tmp_path/'out')])==2
    err = capsys.readouterr().err
    assert err.count('\n')==1 and 'foreign.ipynb' in err, err
    assert not (tmp_path/'out').exists()


# ---- help, grammar, colours

def test_every_help_has_an_example_and_needs_no_torch():
    code = f"""import contextlib, io, sys
from geofractal_nb.cli import main
for words in ([], *([c] for c in {COMMANDS})):
    out = io.StringIO()
    with contextlib.redirect_stdout(out): assert main([*words, '--help'])==0
    text = ' '.join(out.getvalue().split())
    assert f"Example: {{' '.join(['geofractal', *words])}}" in text, text
assert main(['--version'])==0 and main(['run'])==2
heavy = [m for m in ('torch', 'numpy', 'matplotlib', 'papermill') if m in sys.modules]
assert not heavy, heavy"""
    p = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert p.returncode==0, p.stderr
    assert p.stdout.startswith('geofractal ') and p.stdout.count('\n')==1


def test_all_commands_are_listed():
    out = CliRunner().invoke(app, ['--help']).output
    for c in COMMANDS: assert c in out


@pytest.mark.parametrize('args, words', [(['trian'], "No such command 'trian'"), (['run'], 'Missing argument'), (['predict', 'a'], 'Missing argument'), (['math', '--kappa', 'x'], "'--kappa'"),
    (['math', '--kappa', '-1'], 'kappa'), (['math', '--method', 'best'], 'method must be one of'), (['math', '0'], "'[N]'"), (['curriculum', 'slow'], 'quick'), (['curriculum', 'quick', '7'], 'preset must be'),
    (['curriculum', 'full', '-p', 'depht=2'], 'did you mean depth'), (['curriculum', '-p', 'lr=-1'], 'lr must be'), (['curriculum', '-p', 'd_model=10'], 'n_heads must divide d_model'), (['curriculum', '--members', '0'], "'--members'"),
    (['curriculum', '-p', 'stability_window=99'], 'stability_window must be at most'), (['train-basin', 'digits', '-p', 'dataset=icd10'], 'given twice'), (['train-basin', 'mnist'], 'unknown dataset'),
    (['train-basin', 'digits', '-p', 'scales=0'], 'every scale must be'), (['train-basin', 'digits', '-p', 'epochs=two'], 'epochs must be int'), (['train-basin', 'none.csv'], "no file 'none.csv'"), (['train-basin', '--seed', '-1'], "'--seed'"),
    (['predict', 'none', 'none.npz'], 'no file none'), (['export', 'none'], 'no file none'), (['export', '.'], 'holds no classifier.safetensors'), (['export', '.', '-o', 'a.txt'], 'must end in .onnx or .pt2'), (['export', '.', '--format', 'tf'], "'--format'"), (['label-issues', 'none.csv'], 'no file none.csv'), (['label-issues', 'none.txt'], 'path must end in'), (['label-issues', 'a.csv', '--folds', '1'], "'--folds'"), (['probe', 'none'], 'no file none'), (['probe', '.'], 'no best_model_acc'), (['viz'], 'geofractal curriculum quick'), (['viz', 'none'], 'no folder none'), (['report', '.'], 'Missing option'),
    (['report', '.', '-o', 'out'], 'no level_*_checkpoint.pt'), (['checkpoint', 'none.pt'], 'no file none.pt'), (['compare', 'none'], 'no folder none'), (['compare', '.', '--names', 'a', 'b'], '2 names for 1 runs'), (['info', 'none'], 'no folder none'),
    (['runs', 'none'], "no folder 'none'"), (['show', 'train_bassin'], 'unknown experiment'), (['runs', '--jsn'], 'No such option')])
def test_a_wrong_call_is_one_line_that_helps(args, words, tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(args)==2
    out,err = capfd.readouterr()
    assert out=='' and err.count('\n')==1 and words in err and len(err)<720 and 'Traceback' not in err, err
    assert not [p for p in tmp_path.iterdir() if p.name!='out']


def test_no_command_is_the_help(capfd):
    assert main([])==2
    out,err = capfd.readouterr()
    assert 'train-basin' in out+err and 'Example' in out+err


def test_colours_only_where_they_are_wanted():
    def said(**env):
        code = 'import sys; from geofractal_nb.console import finish; finish("done", ["a"], [[1]], {}, ["geofractal runs"])'
        env = {n: v for n,v in os.environ.items() if n not in ('NO_COLOR', 'FORCE_COLOR')}|{'TERM': 'xterm-256color'}|env
        return subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, env=env, check=True).stdout
    assert '\x1b' not in said() and '\x1b[36m' in said(FORCE_COLOR='1') and '\x1b[36m' not in said(FORCE_COLOR='1', NO_COLOR='1')


def test_the_shell_completes_commands():
    env = {**os.environ, '_GEOFRACTAL_COMPLETE': 'complete_bash', 'COMP_WORDS': 'geofractal tr', 'COMP_CWORD': '1'}
    p = geofractal(env=env)
    assert p.communicate(timeout=60)[0].split()==['train-basin']


# ---- a person's own file

@pytest.fixture(scope='module')
def place(tmp_path_factory):
    "A folder with a table of animals, and a classifier trained on it from a folder beside it"
    at = tmp_path_factory.mktemp('person')
    rng,names = np.random.default_rng(0),('cat', 'dog', 'owl')
    with open(at/'animals.csv', 'w', newline='') as f:
        w = csv.writer(f)
        w.writerow([*(f'x{j}' for j in range(4)), 'animal'])
        for i in range(90): w.writerow([*(rng.normal(size=4)+3*np.eye(4)[i%3]).tolist(), names[i%3]])
    (at/'here').mkdir()
    return at


def train(place, *more):
    p = geofractal('train-basin', '../animals.csv', '--labels', 'animal', '-o', '../runs', '-p', 'epochs=4', '-p', 'scales=16,24', '-p', 'lr=0.01', *more, cwd=place/'here')
    return *p.communicate(timeout=300),p.returncode


def files(folder): return {p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob('*') if p.is_file()}


@pytest.fixture(scope='module')
def trained(place):
    out,err,code = train(place)
    assert code==0, err
    return place,out,next((place/'runs/basin').iterdir())


def test_a_table_becomes_a_run_in_one_place(trained):
    place,out,run = trained
    assert sorted(p.name for p in (place/'runs').iterdir())==['basin', 'index.html', 'notebooks'] and not list((place/'runs/notebooks').iterdir())
    assert {'notebook.ipynb', 'result.json', 'README.md', 'classifier.safetensors', 'train_config.json', 'training_history.json'}<={p.name for p in run.iterdir()}
    assert 'of the test rows are classified correctly' in out and 'nearest class mean' in out and f'geofractal predict {run}' in out and 'index.html' in out
    config = load_json(run/'train_config.json')
    assert (config['lr'], config['epochs'], config['scales'])==(.01, 4, [16, 24])
    assert load_json(run/'result.json')['parameters']=={'dataset': '../animals.csv', 'label_column': 'animal', 'epochs': 4, 'scales': [16, 24], 'lr': .01}
    page = (place/'runs/index.html').read_text()
    assert f'href="basin/{run.name}/notebook.ipynb"' in page and 'src="http' not in page and 'href="http' not in page


def test_the_same_command_adds_nothing_and_json_is_alone(trained):
    place,_,run = trained
    before = files(place/'runs')
    out,err,code = train(place, '--json')
    assert code==0 and json.loads(out)['folder']==str(run), err
    after = files(place/'runs')
    assert after.keys()==before.keys() and {n for n in after if after[n]!=before[n]}<={f'basin/{run.name}/notebook.ipynb'}


def test_class_names_come_back(trained, tmp_path, capsys, monkeypatch):
    place,_,run = trained
    monkeypatch.chdir(tmp_path)
    assert main(['predict', str(run), str(place/'animals.csv'), '-o', 'labels.csv'])==0
    out = capsys.readouterr().out
    assert '90 rows labelled' in out and 'by chance' in out and 'predictions: labels.csv' in out
    with open('labels.csv') as f: rows = list(csv.DictReader(f))
    assert len(rows)==90 and np.mean([r['label']==('cat', 'dog', 'owl')[i%3] for i,r in enumerate(rows)])>.5
    assert main(['predict', str(run/'classifier.safetensors'), str(place/'animals.csv'), '--json', '-o', 'again.csv'])==0
    assert sum(json.loads(capsys.readouterr().out)['classes'].values())==90
    with open('again.csv') as f: assert list(csv.DictReader(f))==rows


def test_a_run_is_listed_described_and_probed(trained, tmp_path, capsys, monkeypatch):
    place,_,run = trained
    monkeypatch.chdir(place)
    for args,words in ((['runs'], '1 run in runs, 1 finished'), (['info', f'runs/basin/{run.name}'], '90 rows of width 4, 3 classes'), (['info', 'runs'], '1 run in runs'),
                       (['probe', f'runs/basin/{run.name}', '-o', str(tmp_path/'p')], '3 classes at 2 scales; alpha stayed at 0.5'), (['compare', f'runs/basin/{run.name}', '-o', str(tmp_path/'c')], 'nearest class mean')):
        assert main(args)==0
        out = capsys.readouterr().out
        assert words in ' '.join(out.split()) and 'next: geofractal' in out, out
        assert main([*args, '--json'])==0
        json.loads(capsys.readouterr().out)
    assert len(list((tmp_path/'p').glob('cantor_prototypes_*.png')))==3 and {p.name for p in (tmp_path/'c').iterdir()}=={'comparison.png', 'comparison.json'}


def test_other_column_names_are_told_before_a_kernel_starts(place, capsys, monkeypatch):
    monkeypatch.chdir(place)
    monkeypatch.setattr('geofractal_nb.runner._in_thread', lambda work: pytest.fail('a kernel was started'))
    assert main(['train-basin', 'animals.csv', '-o', 'elsewhere'])==2
    assert '--labels' in capsys.readouterr().err and not (place/'elsewhere').exists()


def test_suspects_of_a_table_with_texts(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng,names = np.random.default_rng(0),('cat', 'dog', 'owl')
    with open('animals.csv', 'w', newline='') as f:
        w = csv.writer(f)
        w.writerow([*(f'x{j}' for j in range(4)), 'animal', 'note'])
        for i in range(90): w.writerow([*(.3*rng.normal(size=4)+3*np.eye(4)[i%3]).tolist(), 'owl' if i==30 else names[i%3], f'<note> {i}'])
    assert main(['label-issues', 'animals.csv', '--labels', 'animal', '--text', 'note', '-o', 'out'])==0
    out = ' '.join(capsys.readouterr().out.split())
    assert 'of 90 labels' in out and 'table: out/label_issues.csv' in out and 'next: geofractal' in out
    with open('out/label_issues.csv') as f: rows = list(csv.DictReader(f))
    assert len(rows)==90 and (rows[0]['row'], rows[0]['given'], rows[0]['suggested'], rows[0]['text'])==('30', 'owl', 'cat', '<note> 30')
    page = open('out/label_issues.html').read()
    assert '&lt;note&gt; 30' in page and '<note>' not in page and 'src="http' not in page and 'href="http' not in page
    assert main(['label-issues', 'animals.csv', '--labels', 'animal', '--text', 'note', '-o', 'out', '--json'])==0
    assert json.loads(capsys.readouterr().out)['flagged'][0]==30
    for args,words in ((['--labels', 'beast'], 'beast'), (['--labels', 'animal', '--text', 'words'], 'words'), (['--labels', 'animal', '-o', 'animals.csv'], 'is a file')):
        assert main(['label-issues', 'animals.csv', *args])==2
        err = capsys.readouterr().err
        assert err.count('\n')==1 and words in err, err


# ---- curricula

@pytest.fixture(scope='module')
def curricula(tmp_path_factory):
    "Two seeds of one curriculum, a run each"
    at,found = tmp_path_factory.mktemp('curricula'),[]
    few = [w for n in ('epochs_per_level=3', 'stability_window=2', 'n_samples=64', 'n_validation=32', 'seq_len=4') for w in ('-p', n)]
    for seed in (0, 1):
        p = geofractal('curriculum', 'full', '2', '--members', '1', '--seed', seed, '-q', *few, cwd=at)
        out,err = p.communicate(timeout=300)
        assert p.returncode==0, err
        found.append(out)
    return at,found,sorted((at/'runs/curriculum').iterdir())


def test_a_curriculum_ends_with_a_sentence_and_a_table(curricula):
    at,(out,_),runs = curricula
    assert 'always the most frequent answer' in out and 'emerged' in out and f'run folder: runs/curriculum/{runs[0].name}' in out and 'geofractal report' in out
    assert {'level_1_checkpoint.pt', 'level_2_checkpoint.pt', 'curriculum.json', 'notebook.ipynb', 'result.json'}<={p.name for p in runs[0].iterdir()}
    assert sorted(p.name for p in (at/'runs').iterdir())==['curriculum', 'index.html', 'notebooks']


def test_a_curriculum_is_drawn_reported_and_compared(curricula, capsys, monkeypatch):
    at,_,runs = curricula
    monkeypatch.chdir(at)
    a,b = (f'runs/curriculum/{r.name}' for r in runs)
    newest = main(['runs', '--json']) or json.loads(capsys.readouterr().out)[0]['folder']
    assert newest==b
    for args,words in ((['viz'], 'levels from 1 to 2 foci'), (['report', a, '-o', 'analysis', '--cgd'], 'page: analysis/report.html'), (['checkpoint', f'{a}/level_2_checkpoint.pt', '--no-cgd'], 'Level 2, 2 foci'),
                       (['info', a], 'levels from 1 to 2 foci'), (['compare', a, b], '2 seeds'), (['compare', a, b, '--names', 'first', 'other one', '-o', 'named'], 'other one')):
        assert main(args)==0, capsys.readouterr().err
        out = capsys.readouterr().out
        assert words in ' '.join(out.split()) and 'next: geofractal' in out, out
    assert (at/'curriculum_visualization/report.html').is_file() and (at/'analysis/cgd/level_2_cgd.png').is_file() and (at/'checkpoint_visualization/level_2_geometry.png').is_file()
    assert {p.name for p in (at/'comparison').iterdir()}=={'comparison.png', 'comparison.json', 'comparison.html'}
    assert load_json(at/'named/comparison.json')['runs'].keys()=={'first', 'other one'}


def test_both_systems_at_once_are_not_compared(curricula, trained, capsys):
    assert main(['compare', str(curricula[2][0]), str(trained[2])])==2
    assert 'one system at a time' in capsys.readouterr().err


def test_published_checkpoints(reference, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for args in (['info', str(reference/'zetaformer')], ['report', str(reference/'zetaformer'), '-o', 'out']):
        assert main(args)==0
        assert "the source's program, 6 levels from 1 to 8 foci" in ' '.join(capsys.readouterr().out.split())
    assert (tmp_path/'out/kappa_trajectory.png').is_file()


# ---- small ones

def test_math_is_exact(capsys):
    assert main(['math', '5', '-k', '1.5', '-k', '3', '--json'])==0
    for r in json.loads(capsys.readouterr().out):
        w,a = np.array(r['weights']),np.radians(r['angles'])
        assert (w*np.cos(a)**2).sum()/(w*np.sin(a)**2).sum()==pytest.approx(r['kappa'], rel=1e-9)
    assert main(['math'])==0 and 'kappa = sum w cos^2' in capsys.readouterr().out


def test_data_sets_and_parameters_are_listed(capsys):
    assert main(['datasets'])==0 and 'digits' in (out := capsys.readouterr().out) and '.csv' in out
    assert main(['show', 'train_curriculum', '--json'])==0
    known = json.loads(capsys.readouterr().out)
    assert known['lr']['type']=='float' and known['preset']['default']=='quick' and 'Learning rate' in known['lr']['help']
