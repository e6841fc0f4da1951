"Whole runs: killed and resumed, locked, full disks, the run folder, the model card"
import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from geofractal_nb.core import has_fast_bf16
from geofractal_nb.data.embeddings import load_dataset
from geofractal_nb.models.david import load_model
from geofractal_nb.runner import run_experiment
from geofractal_nb.storage import load_tensors, run_lock, save_tensors, write_text
from geofractal_nb.training.basin import (FEW, MIXING, SCHEDULERS, BasinConfig, choose_interpolation, evaluate, fit, fresh_state, interpolate_weights,
                                          predictions)
from geofractal_nb.training.observers import Observer, Progress
from geofractal_nb.training.runs import RunFolder

QUICK = BasinConfig(scales=(16, 24), epochs=4, batch_size=32)

CHILD = """
import os, signal, sys
from geofractal_nb.data.embeddings import load_dataset
from geofractal_nb.training.basin import BasinConfig, fit
from geofractal_nb.training.observers import Observer
from geofractal_nb.training.runs import RunFolder
class Die(Observer):
    left = int(sys.argv[3])
    def step(self, state, loss):
        self.left -= 1
        if self.left==0: os.kill(os.getpid(), signal.SIGKILL)
fit(BasinConfig(scales=(16, 24), epochs=4, batch_size=32), load_dataset(sys.argv[1]), RunFolder(sys.argv[2], 'm', 'r'), [Die()])
"""


def child(*args): return subprocess.run([sys.executable, '-c', CHILD, *map(str, args)], capture_output=True, text=True)


def final(run):
    tensors,progress = load_tensors(run.checkpoint)
    for r in [*progress['history'], progress['best_record']]: r.pop('seconds')
    return tensors,progress


def test_killed_at_any_moment_it_resumes_bit_identically(toy, tmp_path):
    whole = RunFolder(tmp_path/'whole', 'm', 'r')
    result = fit(QUICK, load_dataset(toy[0]), whole)
    broken = RunFolder(tmp_path/'broken', 'm', 'r')
    for step in (2, 7, 6): # in the first epoch, later, and once more after resuming
        assert child(toy[0], tmp_path/'broken', step).returncode==-signal.SIGKILL
    again = fit(QUICK, load_dataset(toy[0]), broken)
    (a,pa),(b,pb) = final(whole),final(broken)
    assert pa==pb and a.keys()==b.keys()
    assert all(torch.equal(a[n], b[n]) for n in a)
    assert again.test==result.test
    names = lambda r: sorted(p.name for p in r.weights.rglob('*') if p.suffix!='.lock')
    assert names(whole)==names(broken)
    assert not list(tmp_path.rglob('*.tmp'))


@pytest.mark.parametrize('part', ['save_json', 'save_run_state'])
def test_killed_between_two_writes(part, toy, tmp_path, monkeypatch):
    import geofractal_nb.training.observers as obs
    data,run,clean = load_dataset(toy[0]),RunFolder(tmp_path, 'm', 'r'),RunFolder(tmp_path/'c', 'm', 'r')
    fit(QUICK, data, clean)
    real,calls = getattr(obs, part),[]
    def dies(*a):
        calls.append(a)
        if len(calls)==2: raise KeyboardInterrupt
        return real(*a)
    monkeypatch.setattr(obs, part, dies)
    with pytest.raises(KeyboardInterrupt): fit(QUICK, data, run)
    monkeypatch.setattr(obs, part, real)
    fit(QUICK, data, run)
    assert final(run)[1]==final(clean)[1] and all(torch.equal(t, final(clean)[0][n]) for n,t in final(run)[0].items())


def test_one_seed_one_result_and_observers_change_nothing(toy):
    data = load_dataset(toy[0])
    a,b = fit(QUICK, data),fit(QUICK, data, observers=[Progress()])
    assert a.test==b.test and all(torch.equal(p, q) for p,q in zip(a.model.parameters(), b.model.parameters()))
    weight = lambda r: r.model.heads['16'].class_prototypes
    assert not torch.equal(weight(fit(replace(QUICK, seed=1), data)), weight(a))


def mixing(model): return {n: p.detach() for n,p in model.named_parameters() if n.endswith(MIXING)}


@pytest.mark.parametrize('rate', [0., 1.])
def test_what_mixes_moves_only_where_it_is_free(rate, toy):
    data,config = load_dataset(toy[0]),replace(QUICK, mix_lr=rate)
    before,after = mixing(fresh_state(config, data).model),mixing(fit(config, data).model)
    assert len(before)==1+1+len(QUICK.scales)
    moved = {n for n in before if not torch.equal(before[n], after[n])}
    assert moved==(set(before) if rate else set())


@given(share=st.floats(0, 1), seed=st.integers(0, 99))
def test_weights_between_two_lie_on_the_line(share, seed):
    gen = torch.Generator().manual_seed(seed)
    a,b = ({'w': torch.randn(3, 4, generator=gen), 'b': torch.randn(4, generator=gen)} for _ in range(2))
    for n,t in interpolate_weights(a, b, share).items():
        torch.testing.assert_close(t, a[n]+share*(b[n]-a[n]), atol=1e-6, rtol=1e-5)
    assert all(torch.equal(interpolate_weights(a, b, 0)[n], a[n]) and torch.equal(interpolate_weights(a, b, 1)[n], b[n]) for n in a)


@settings(max_examples=20, deadline=None)
@given(spot=st.sampled_from([0., .25, .5, .75, 1.]), seed=st.integers(0, 99))
def test_the_share_with_the_smallest_loss_is_found(spot, seed):
    gen = torch.Generator().manual_seed(seed)
    y = torch.randint(5, (400,), generator=gen)
    noise,right = torch.randn(400, 5, generator=gen),torch.eye(5)[y]
    share,T = choose_interpolation(lambda s: torch.lerp(right, noise, min(1., 3*abs(s-spot))), y, .1)
    assert share==spot and T>0
    assert choose_interpolation(lambda s: torch.lerp(right, noise, 1-s)[:FEW-1], y[:FEW-1], .1)[0]==1 # too few to choose by


def test_equally_good_weights_are_the_trained_ones():
    y = torch.arange(300)%4
    logits = torch.randn(300, 4, generator=torch.Generator().manual_seed(0))+torch.eye(4)[y]
    for T in (.01, .1, 1., 10.): assert choose_interpolation(lambda s: logits, y, T)[0]==1


@pytest.mark.parametrize('scheduler', SCHEDULERS)
def test_every_scheduler_learns(scheduler, toy):
    assert fit(replace(QUICK, scheduler=scheduler, epochs=6), load_dataset(toy[0])).test['top1']>.9


def test_early_stopping_says_so(toy):
    r = fit(replace(QUICK, epochs=60, patience=3), load_dataset(toy[0]))
    assert r.stopped=='no improvement for 3 epochs' and len(r.history)==r.best_epoch+4<60


@pytest.mark.skipif(not has_fast_bf16(torch.device('cpu')), reason='bfloat16 is hundreds of times slower than float32 on this processor')
def test_bf16_trains_close_to_fp32(toy):
    data = load_dataset(toy[0])
    a,b = (fit(replace(QUICK, precision=p), data) for p in ('fp32', 'bf16'))
    assert b.precision=='bf16' and abs(a.test['loss']-b.test['loss'])<.1


def test_report_is_what_the_saved_file_gives(toy, tmp_path):
    data,run = load_dataset(toy[0]),RunFolder(tmp_path, 'm', 'r')
    r = fit(QUICK, data, run)
    path = run.best(r.validation['top1'])
    assert dict(evaluate(load_model(path), data, 'test', load_tensors(path)[1]['temperature']))==r.test
    assert predictions(r.model, data, 'test')['']['top1'].double().mean().item()==r.test['top1']


def test_a_folder_in_use_is_refused(toy, tmp_path):
    run = RunFolder(tmp_path, 'm', 'r')
    holder = subprocess.Popen([sys.executable, '-c', "import sys; from geofractal_nb.storage import run_lock\nwith run_lock(sys.argv[1]): print('held', flush=True); sys.stdin.read()", str(run.weights)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline()=='held\n'
        with pytest.raises(ValueError, match='in use by another run'): fit(QUICK, load_dataset(toy[0]), run)
    finally: holder.kill(); holder.wait()
    with run_lock(run.weights): pass # a killed holder leaves no stale lock


def test_a_damaged_checkpoint_is_named(toy, tmp_path):
    data,run = load_dataset(toy[0]),RunFolder(tmp_path, 'm', 'r')
    fit(QUICK, data, run)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-50])
    with pytest.raises(ValueError, match='truncated'): fit(QUICK, data, run)


def test_features_that_overflow_stop_the_run(toy, tmp_path):
    _,X,y = toy
    save_tensors(tmp_path/'huge.safetensors', {'features': X*1e38, 'labels': y})
    with pytest.raises(ValueError, match='finite'): fit(QUICK, load_dataset(tmp_path/'huge.safetensors'))


@pytest.mark.parametrize('size', [1e30, 1e-30])
def test_a_fit_is_blind_to_the_size_of_its_features(size, toy):
    data = load_dataset(toy[0])
    a,b = fit(QUICK, data),fit(QUICK, replace(data, features=data.features*size))
    assert abs(a.test['loss']-b.test['loss'])<.05 and b.test['top1']>.9


FULL = """
import resource, sys
from pathlib import Path
import torch
from geofractal_nb.storage import save_tensors, write_text
target = Path(sys.argv[1])
write_text(target/'note.txt', 'whole')
save_tensors(target/'t.safetensors', {'w': torch.ones(10)})
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)) # the disk takes no more than 1000 bytes a file
for write in (lambda: write_text(target/'note.txt', 'x'*5000), lambda: save_tensors(target/'t.safetensors', {'w': torch.ones(5000)})):
    try: write()
    except OSError as e: print(e)
"""


def test_a_full_disk_keeps_what_was_there(tmp_path):
    said = subprocess.run([sys.executable, '-c', FULL, str(tmp_path)], capture_output=True, text=True, check=True).stdout
    assert said.count('free space or choose a writable folder')==2, said
    assert (tmp_path/'note.txt').read_text()=='whole'
    assert load_tensors(tmp_path/'t.safetensors')[0]['w'].shape==(10,)
    assert sorted(p.name for p in tmp_path.iterdir())==['note.txt', 't.safetensors']


def test_a_read_only_place_is_named():
    with pytest.raises(OSError, match='choose a writable folder'): write_text('/proc/nowhere/note.txt', 'x')


@pytest.fixture(scope='module')
def executed(tmp_path_factory):
    "One whole run through papermill"
    out = tmp_path_factory.mktemp('out')
    return out,run_experiment('train_basin', out, progress=False, dataset='digits', epochs=3, run_id='whole')


def test_the_run_folder_is_the_promised_one(executed):
    out,result = executed
    folder = out/'basin/whole'
    best = f"best_model_acc{100*result['val_top1']:.2f}"
    assert {p.name for p in folder.iterdir()}-{'.lock'}=={f'{best}.safetensors', f'{best}_metadata.json', 'train_config.json', 'training_history.json', 'last.ckpt', 'README.md',
        'cantor_prototypes_distribution.png', 'cantor_prototypes_sorted.png', 'cantor_prototypes_cross_scale.png', 'classifier.safetensors', 'notebook.ipynb', 'result.json', 'tensorboard'}
    assert list((out/'basin/whole/tensorboard').glob('events.out.tfevents.*'))
    assert len(json.loads((folder/'training_history.json').read_text()))==3
    assert f"{result['test_top1']:.4f}" in (folder/'README.md').read_text()


def test_tensorboard_reads_every_scalar_back(executed):
    ea = pytest.importorskip('tensorboard.backend.event_processing.event_accumulator')
    out,_ = executed
    acc = ea.EventAccumulator(str(out/'basin/whole/tensorboard'), size_guidance={'scalars': 0}).Reload()
    history = json.loads((out/'basin/whole/training_history.json').read_text())
    for tag in ('val_top1', 'train_loss', 'alpha'):
        assert [e.value for e in acc.Scalars(tag)]==pytest.approx([r[tag] for r in history], rel=1e-6)


def test_the_cards_snippet_runs_in_a_fresh_process(executed):
    out,result = executed
    folder = out/'basin/whole'
    code = (folder/'README.md').read_text().split('```python\n')[1].split('```')[0]
    before = "from geofractal_nb.data.embeddings import load_dataset\ndata = load_dataset('digits')\nfeatures,labels = data.batch(data.splits['test'])\n"
    said = subprocess.run([sys.executable, '-c', f"{before}{code}\nprint((predictions==labels).double().mean().item())"], cwd=folder, capture_output=True, text=True, check=True).stdout
    assert float(said.splitlines()[-1])==result['test_top1']


@pytest.mark.parametrize('given, message', [({'sede': 1}, 'unknown parameters'), ({'seed': 1.5}, 'seed must be int'), ({'epochs': '3.5'}, 'epochs must be int'),
    ({'dataset': 'mnist'}, "unknown dataset 'mnist'"), ({'device': 'gpu7'}, "unavailable device 'gpu7'"), ({'precision': 'fp8'}, 'precision must be one of')])
def test_bad_parameters_leave_no_run(given, message, tmp_path):
    with pytest.raises(ValueError, match=message): run_experiment('train_basin', tmp_path, progress=False, **given)
    assert not list(tmp_path.iterdir())


def test_the_command_answers_in_one_line(tmp_path):
    p = subprocess.run([Path(sys.executable).with_name('geofractal'), 'run', 'train_basin', '-o', str(tmp_path), '-p', 'sede=1'], capture_output=True, text=True)
    assert p.returncode==2 and len(p.stderr.splitlines())==1 and 'unknown parameters' in p.stderr


def test_a_run_resumes_where_a_term_is_left_out(tmp_path):
    "Places on the stairs then get no gradient, and the optimiser has no moments of them"
    data = load_dataset('digits')
    config = BasinConfig(epochs=3, scales=(8,), terms=('feature', 'crystal'), coherence_weight=0., batch_size=512)
    class Stop(Observer):
        def epoch(self, state):
            if state.epoch==2: raise KeyboardInterrupt
    whole = fit(config, data)
    with pytest.raises(KeyboardInterrupt): fit(config, data, RunFolder(tmp_path, 'm', 'r'), [Stop()])
    again = fit(config, data, RunFolder(tmp_path, 'm', 'r'))
    same = zip(whole.model.state_dict().values(), again.model.state_dict().values())
    assert len(again.history)==3 and all(torch.equal(a, b) for a,b in same)


def test_without_test_rows_nothing_is_trained():
    data = load_dataset('digits')
    without = replace(data, splits={n: r for n,r in data.splits.items() if n!='test'})
    class Never(Observer):
        def start(self, state): raise AssertionError('it began')
    with pytest.raises(ValueError, match='splits must hold test'): fit(BasinConfig(scales=(8,), epochs=1), without, observers=[Never()])
