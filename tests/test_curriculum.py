"The curriculum: whole runs killed and resumed, members, checkpoints, hostile files, bad settings"
import copy
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.training.checkpoints import find_checkpoints, load_checkpoint, load_checkpoint_for_inference, save_level_checkpoint
from geofractal_nb.core import generator
from geofractal_nb.models.zeta import ZetaBlock, dual_kernel_attention, gaussian_weights, kappa_feedback
from geofractal_nb.models.zeta import poisson_weights, zeta_forward
from geofractal_nb.models.zeta_step import Packed, Workspace, automatic_gradients, zeta_gradients
from geofractal_nb.plots.basin import plot_cantor_cross_scale, plot_cantor_sorted, plot_reliability
from geofractal_nb.plots.basin import plot_scale_accuracy
from geofractal_nb.plots.curriculum import plot_accuracy, plot_kappa_trajectory
from geofractal_nb.plots.curriculum import plot_kappa_within_levels, plot_kernel, plot_losses
from geofractal_nb.runner import run_experiment
from geofractal_nb.storage import load_tensors, save_tensors
from geofractal_nb.training.curriculum import CurriculumMetrics, fit_curriculum, member_modules
from geofractal_nb.training.curriculum import train_with_adaptive_curriculum
from geofractal_nb.training.levels import REFERENCE, CurriculumConfig, describe_foci
from geofractal_nb.training.levels import next_targets, stability
from geofractal_nb.training.members import CurriculumState, accuracy, initial_parameters, start_level
from geofractal_nb.training.members import train_epoch
from geofractal_nb.training.observers import Observer

TINY = CurriculumConfig(max_n_foci=3, epochs_per_level=5, stability_window=3, stability_slope=.02, n_samples=96, n_validation=32, seq_len=4, members=2, d_model=16)

CHILD = """
import os, signal, sys
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.observers import Observer
class Die(Observer):
    left = int(sys.argv[2])
    def step(self, state, loss):
        self.left -= 1
        if self.left==0: os.kill(os.getpid(), signal.SIGKILL)
fit_curriculum(CurriculumConfig(max_n_foci=3, epochs_per_level=5, stability_window=3, stability_slope=.02, n_samples=96, n_validation=32, seq_len=4, members=2, d_model=16),
               sys.argv[1], [Die()], save_every=float(sys.argv[3]))
"""


def state_of(folder): return load_tensors(folder/'last.ckpt'/'state.safetensors')


@pytest.mark.parametrize('save_every', [0, 1e9])
def test_killed_at_any_moment_it_resumes_bit_identically(tmp_path, save_every):
    whole,broken = tmp_path/'whole',tmp_path/'broken'
    fit_curriculum(TINY, whole)
    for step in (3, 11, 14):
        assert subprocess.run([sys.executable, '-c', CHILD, str(broken), str(step), str(save_every)]).returncode==-signal.SIGKILL
    fit_curriculum(TINY, broken)
    (a,pa),(b,pb) = state_of(whole),state_of(broken)
    assert pa==pb and a.keys()==b.keys() and all(torch.equal(a[n], b[n]) for n in a)
    assert (whole/'curriculum.json').read_text()==(broken/'curriculum.json').read_text()
    for x,y in zip(*(find_checkpoints(f/'member_01') for f in (whole, broken))):
        x,y = load_checkpoint(x),load_checkpoint(y)
        assert all(torch.equal(v, y['model_state_dict'][n]) for n,v in x['model_state_dict'].items())
        assert x['metrics']==y['metrics']
    assert not list(tmp_path.rglob('*.tmp'))


def test_killed_between_the_writes_at_a_levels_end(tmp_path, monkeypatch):
    "Whichever file was the last to be written, the run goes on to the same end"
    import geofractal_nb.training.curriculum as module
    whole = fit_curriculum(TINY, tmp_path/'whole')
    for name in ('save_level_checkpoint', 'save_json', 'save_tensors'):
        for nth in range(2, 5):
            calls,real = [0],getattr(module, name)
            def dying(*a, **k):
                calls[0] += 1
                if calls[0]==nth: raise KeyboardInterrupt
                return real(*a, **k)
            monkeypatch.setattr(module, name, dying)
            folder = tmp_path/f'{name}{nth}'
            try: fit_curriculum(TINY, folder, save_every=0)
            except KeyboardInterrupt: pass
            monkeypatch.setattr(module, name, real)
            again = fit_curriculum(TINY, folder)
            assert all(torch.equal(again.params[n], v) for n,v in whole.params.items()), (name, nth)
            assert again.runs==whole.runs


def test_one_seed_one_result_and_the_global_generator_untouched():
    before = torch.random.get_rng_state()
    a,b = fit_curriculum(TINY),fit_curriculum(TINY)
    assert all(torch.equal(v, b.params[n]) for n,v in a.params.items()) and a.runs==b.runs
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize('change', [{}, dict(seq_len=1, task='focus'), dict(task='rotated'), dict(estimator='pathway'), dict(estimator='spectral'),
                                    dict(depth=2, feed_forward=8, learn_mix=True), dict(own_token=True),
                                    {**REFERENCE, 'enable_zeta_norm': False}], ids=str) # the source's kappa is rounding noise, which its feedback would pass on
def test_a_member_is_the_run_of_its_seed(change):
    c = replace(TINY, levels=(3,), members=3, stability_threshold=0., policy='fixed', **change)
    together = fit_curriculum(c)
    for i in range(3):
        alone = fit_curriculum(replace(c, members=1, seed=i))
        for n,v in together.params.items(): assert (alone.params[n][0]-v[i]).abs().max()<1e-4, n
        k = [r[0]['metrics']['epoch_task_loss'] for r in (together.runs[i], alone.runs[0])]
        assert np.allclose(*k, atol=1e-4)


def test_members_that_are_let_go_keep_their_weights_and_leave_the_others_alone():
    class Watch(Observer): # `params` of members that are done, at the end of every epoch
        def __init__(self): self.rested = {}
        def epoch(self, state):
            for i in set(range(4))-set(state.active):
                now = {n: v[i].clone() for n,v in state.params.items()}
                assert all(torch.equal(v, now[n]) for n,v in self.rested.setdefault(i, now).items())
    c = replace(TINY, levels=(2,), members=4, epochs_per_level=12, stability_window=3, stability_threshold=.02, stability_slope=.05)
    for r, in fit_curriculum(c, observers=[Watch()]).runs:
        seen = [stability(r['metrics']['epoch_kappa_raw'][:e], 3) for e in range(3, r['epochs']+1)]
        settled = [v<.02 and abs(s)<.05 for v,s in seen]
        assert settled[-1]==r['is_stable'] and not any(settled[:-1]) and (r['is_stable'] or r['epochs']==12)


def test_targets_are_what_emerged_before_and_recorded_apart():
    m = CurriculumMetrics(fit_curriculum(TINY).runs)
    for i in range(2):
        assert m.get_kappa_trajectory('target', i)[1:]==m.get_kappa_trajectory('emergent', i)[:-1]
    for run in m.runs:
        for r in run:
            raw = r['metrics']['epoch_kappa_raw'][-TINY.stability_window:]
            assert abs(r['emergent_kappa']-sum(raw)/len(raw))<1e-12
            assert abs(r['kappa_actual']/r['target_kappa']-1)<1e-10
            assert len(r['accuracy_on_levels'])==r['level'] and r['stop_reason'] in ('stable', 'all epochs done')
    F = m.forgetting()
    assert F.shape==(2, 3, 3) and F[:,0,1:].isnan().all() and not F[:,2].isnan().any()
    assert m.summary().count('\n')==3


def test_level_one_has_something_to_learn():
    "Two classes that both occur: a loss that is not 0, and a gradient; the source's single class has neither"
    for circle in (True, False):
        c = replace(TINY, levels=(1,), circle=circle, task='focus')
        s = CurriculumState(c, torch.device('cpu'), initial_parameters(c), runs=[[], []])
        start_level(s)
        task,_,_ = zeta_gradients(s.packed, *s.data[:2], c.n_heads, c.classes(1), eta=0.)
        assert bool((task>0).all())==circle and (s.packed.gradient.abs().max()>0).item()==circle


def test_warm_start_carries_block_and_rows():
    class Watch(Observer):
        def __init__(self): self.begun,self.ended = [],[]
        def step(self, state, loss):
            if state.epoch==0 and len(self.begun)==state.at: self.begun.append({n: v.clone() for n,v in state.packed.named().items()})
        def level(self, state): self.ended.append({n: v.clone() for n,v in state.params.items()})
    for warm in (True, False):
        watch = Watch()
        fit_curriculum(replace(TINY, warm_start=warm, lr=1e-6, enable_zeta_norm=False), observers=[watch])
        for n in ('block.W_V.weight', 'classifier.weight'): assert ((watch.begun[1][n]-watch.ended[0][n]).abs().max()<1e-5)==warm


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 6), st.sampled_from([(8, 2), (12, 3)]), st.integers(0, 99))
def test_written_out_gradients_equal_automatic_ones(E, B, N, sizes, seed):
    D,H = sizes
    c = CurriculumConfig(levels=(4,), d_model=D, n_heads=H, members=E, seed=seed)
    params = {n: v.double()+.1*torch.randn(v.shape, generator=generator(seed, n), dtype=torch.float64) for n,v in initial_parameters(c).items()}
    for n in ('beta', 't'): params[f'block.poisson_{n}'] = params[f'block.poisson_{n}'].abs()+.1
    g = generator(seed, 'x')
    x,y = torch.randn(E, B, N, D, generator=g, dtype=torch.float64),torch.randint(3, (E, B, N), generator=g)
    ours,auto = Packed(params),Packed(params)
    for a,b in zip(zeta_gradients(ours, x, y, H, 3, .7), automatic_gradients(auto, x, y, H, 3, .7)): assert_close(a, b)
    for n in params: assert_close(ours.grads[n], auto.grads[n], atol=1e-9, rtol=1e-6)


@given(st.integers(1, 3), st.integers(1, 7), st.integers(0, 99))
def test_dual_kernel_equals_the_formula(B, N, seed):
    g = generator(seed)
    q,k,v = torch.randn(3, B, 2, N, 4, generator=g, dtype=torch.float64)
    beta,t = torch.rand(2, 1, 2, 1, 1, generator=g, dtype=torch.float64)+.05
    keys = torch.rand(B, 1, 1, N, generator=g)<.6
    keys[...,0] = True
    S = q@k.mT/2
    plain = (.2*gaussian_weights(S, keys)+.8*poisson_weights(S, beta, t, keys))@v
    assert_close(dual_kernel_attention(q, k, v, beta, t, .2, keys), plain)


def test_a_step_writes_no_tensor_out(monkeypatch):
    "Messages are made where something is wrong, not before: a run as text costs more than a step"
    s = CurriculumState(TINY, torch.device('cpu'), initial_parameters(TINY), runs=[[], []])
    start_level(s)
    block,x = ZetaBlock(16, 4),s.data[0][0]
    written = [] # counted, not raised: `reprlib` swallows what is raised while it writes
    for n in ('__repr__', '__str__', '__format__'):
        monkeypatch.setattr(torch.Tensor, n, lambda *_: written.append(1) or 'a tensor')
    train_epoch(s)
    assert block(x).isfinite().all()
    kappa_feedback(dict(block.named_parameters()), 1.)
    assert accuracy(TINY, s.params, *s.data[2:], 2).isfinite().all()
    foci = torch.tensor([.3, 1.]),torch.tensor([.5, .5])
    assert describe_foci(2, foci)['n_foci']==2
    member_modules(s)
    assert not written


def test_the_step_keeps_its_memory_and_its_results():
    "With a workspace or without, in whatever order: the same numbers, and no new memory after the first step"
    c = CurriculumConfig(levels=(4,), d_model=8, n_heads=2, members=2)
    params,g = initial_parameters(c),generator(0, 'x')
    x,y = torch.randn(2, 3, 5, 8, generator=g),torch.randint(3, (2, 3, 5), generator=g)
    kept,fresh = Packed(params),Packed(params)
    work = Workspace(kept.vector)
    zeta_gradients(kept, 2*x, y, 2, 3, .5, work)
    names = set(work.kept)
    for x in (x, -x):
        for a,b in zip(zeta_gradients(kept, x, y, 2, 3, .5, work), zeta_gradients(fresh, x, y, 2, 3)): assert torch.equal(a, b)
        assert torch.equal(kept.gradient, fresh.gradient)
    assert set(work.kept)==names


def test_stacked_blocks_equal_torch_func():
    blocks = [ZetaBlock(8, 2, gen=generator(i)) for i in range(3)]
    p,_ = torch.func.stack_module_state(blocks)
    x = torch.randn(3, 2, 5, 8, generator=generator(0, 'x'))
    alone = torch.stack([torch.func.functional_call(b, dict(b.named_parameters()), (xi,)) for b,xi in zip(blocks, x)])
    assert_close(zeta_forward(p, x, 2)[0], alone)


@given(st.lists(st.floats(-5, 5), min_size=4, max_size=12), st.integers(2, 4))
def test_stability_is_variance_and_slope(values, window):
    variance,slope = stability(values, window)
    v = np.array(values[-window:])
    assert abs(variance-v.var())<1e-9 and abs(slope-np.polyfit(range(window), v, 1)[0])<1e-9


def test_unreachable_kappas_are_clipped_and_flagged():
    low,high = TINY.kappa_range
    for asked in (-1., 0., 1e9):
        t, = next_targets(replace(TINY, members=1), 1, [asked])
        assert t['clipped'] and low<=t['target_kappa']<=high and t['asked_kappa']==asked


@pytest.mark.parametrize('bad', [dict(start_n_foci=0), dict(max_n_foci=-1), dict(members=0), dict(n_heads=5), dict(epochs_per_level=0), dict(lr=0), dict(lr=float('nan')), dict(task='maze'),
                                 dict(kappa_range=(0, 1)), dict(kappa_range=(2, 1)), dict(device='tpu'), dict(seq_len=0), dict(levels=(3, 0)), dict(kappa_strength=-1), dict(stability_window=1)], ids=str)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match='must|unavailable'): CurriculumConfig(**bad)


@pytest.mark.parametrize('bad', [
    dict(enable_zeta_norm='no'), dict(learn_mix=1), dict(own_token=None), dict(warm_start='yes'), dict(circle=0),
    dict(levels=3), dict(levels='123'), dict(levels=(2., 3)), dict(levels=(float('nan'),)), dict(levels=(1,)*2000),
    dict(kappa_range=3), dict(kappa_range='12'), dict(kappa_range=(1, 2, 3)), dict(kappa_range=(float('nan'), 2)), dict(random_range=(2, 1)),
    dict(random_range=(1,)), dict(random_range=(.5, float('inf'))), dict(lr='1e-3'), dict(lr=float('inf')), dict(seed='0'), dict(seed=-1), dict(baseline=None),
    dict(max_n_foci=10**6), dict(depth=10**6), dict(members=10**6), dict(d_model=10**6), dict(d_model=2, n_heads=1), dict(n_samples=10**7, seq_len=4096),
    dict(task='rotated', seq_len=1), dict(solver='slsqp', max_n_foci=100), dict(stability_window=101), dict(start_n_foci=6), dict(device=None)], ids=str)
def test_what_cannot_be_done_is_refused_at_construction(bad):
    with pytest.raises(ValueError, match='must|unavailable') as e: CurriculumConfig(**bad)
    assert type(e.value) is ValueError and '\n' not in str(e.value) and 10<len(str(e.value))<500


def test_settings_are_stored_as_plain_python():
    given = CurriculumConfig(max_n_foci=np.int64(4), lr=np.float32(.5), levels=np.arange(1, 4), kappa_range=np.array([.5, 2]), circle=np.True_,
                             seed=torch.tensor(3), task=np.str_('focus'), device=torch.device('cpu'))
    plain = CurriculumConfig(max_n_foci=4, lr=.5, levels=(1, 2, 3), kappa_range=(.5, 2.), seed=3, task='focus', device='cpu')
    assert given==plain and json.loads(json.dumps(asdict(given)))==json.loads(json.dumps(asdict(plain)))


@pytest.mark.parametrize('folder', ['', '  '])
def test_an_empty_save_folder_is_refused(folder):
    with pytest.raises(ValueError, match='save_dir is empty'): train_with_adaptive_curriculum(save_dir=folder)


@pytest.fixture(scope='module')
def halfway(tmp_path_factory):
    "A run that stopped within its second level"
    class Stop(Observer):
        def epoch(self, state):
            if (state.at, state.epoch)==(1, 2): raise KeyboardInterrupt
    folder = tmp_path_factory.mktemp('halfway')/'run'
    with pytest.raises(KeyboardInterrupt): fit_curriculum(replace(TINY, stability_threshold=0.), folder, [Stop()], save_every=0)
    return folder


def changed(folder, tensors=lambda t: t, progress=lambda p: p):
    "Write the state again with something changed"
    t,p = state_of(folder)
    save_tensors(folder/'last.ckpt'/'state.safetensors', tensors(t), progress(p))


DAMAGE = {
    'no settings': (lambda f: (f/'train_config.json').unlink(), 'train_config.json'),
    'settings a list': (lambda f: (f/'train_config.json').write_text('[1]'), 'settings by name'),
    'settings damaged': (lambda f: (f/'train_config.json').write_text('{"lr"'), 'cannot be read'),
    'settings of another version': (lambda f: (f/'train_config.json').write_text('{"version": 9}'), 'another version'),
    'no records': (lambda f: (f/'curriculum.json').unlink(), 'curriculum.json'),
    'records damaged': (lambda f: (f/'curriculum.json').write_text('{'), 'cannot be read'),
    'records of another version': (lambda f: (f/'curriculum.json').write_text('{"version": 2, "runs": []}'), 'version 1'),
    'records malformed': (lambda f: (f/'curriculum.json').write_text('{"version": 1, "runs": [[{}], [{}]]}'), 'is damaged'),
    'state truncated': (lambda f: (f/'last.ckpt'/'state.safetensors').write_bytes(b'12345'), 'cannot be read'),
    'weights missing': (lambda f: changed(f, lambda t: {n: v for n,v in t.items() if n!='live/block.W_Q.weight'}), 'lacks'),
    'moments missing': (lambda f: changed(f, lambda t: {n: v for n,v in t.items() if 'exp_avg/' not in n}), 'lacks'),
    'smoothing missing': (lambda f: changed(f, lambda t: {n: v for n,v in t.items() if 'kappa/' not in n}), 'lacks'),
    'other members': (lambda f: changed(f, lambda t: {n: v[:1] if n.startswith('params/') else v for n,v in t.items()}), 'of shape'),
    'weights not finite': (lambda f: changed(f, lambda t: {n: v*float('nan') for n,v in t.items()}), 'finite'),
    'no progress': (lambda f: changed(f, progress=lambda p: None), 'lacks at'),
    **{f'progress {n}={v!r}': (lambda f, n=n, v=v: changed(f, progress=lambda p: {**p, n: v}), f'malformed {n}')
       for n,v in dict(at='1', epoch=-1, active=[7], targets=None, history=[1], finished={}).items()},
    'history of another epoch': (lambda f: changed(f, progress=lambda p: {**p, 'epoch': p['epoch']+1}), 'history'),
}


@pytest.mark.parametrize('name', DAMAGE)
def test_a_damaged_folder_is_one_sentence_with_advice(halfway, tmp_path, name):
    folder = shutil.copytree(halfway, tmp_path/'run')
    damage,words = DAMAGE[name]
    damage(folder)
    with pytest.raises(ValueError, match=words) as e: fit_curriculum(replace(TINY, stability_threshold=0.), folder)
    said = str(e.value)
    assert type(e.value) is ValueError and '\n' not in said and len(said)<500 and 'train anew' in said


def test_a_folder_deleted_in_the_middle_is_not_made_anew(tmp_path):
    class Vanish(Observer):
        def epoch(self, state): shutil.rmtree(tmp_path/'run', ignore_errors=True)
    with pytest.raises(ValueError, match='moved or deleted'): fit_curriculum(TINY, tmp_path/'run', [Vanish()], save_every=0)
    assert not (tmp_path/'run'/'last.ckpt').exists()


def test_nothing_draws_from_global_generators():
    before = torch.random.get_rng_state(),np.random.get_state()[1].tolist(),random.getstate()
    train_with_adaptive_curriculum(max_n_foci=2, epochs_per_level=2, stability_window=2, n_samples=32, n_validation=16, d_model=8, n_heads=2, observers=())
    assert torch.equal(before[0], torch.random.get_rng_state()) and before[1:]==(np.random.get_state()[1].tolist(), random.getstate())


def test_two_runs_cannot_share_a_folder(tmp_path):
    class Second(Observer):
        def start(self, state):
            with pytest.raises(ValueError, match='in use by another run'): fit_curriculum(TINY, tmp_path)
    fit_curriculum(replace(TINY, levels=(2,)), tmp_path, [Second()])


def test_the_signature_of_the_source(tmp_path):
    block,head,curriculum = train_with_adaptive_curriculum(start_n_foci=1, max_n_foci=2, epochs_per_level=3, stability_window=2, stability_threshold=.015, n_samples=64, d_model=16, n_heads=4,
        batch_size=32, lr=1e-3, device='cpu', enable_zeta_norm=True, kappa_strength=.05, save_dir=tmp_path, observers=())
    assert [p.name for p in find_checkpoints(tmp_path)]==['level_1_checkpoint.pt', 'level_2_checkpoint.pt']
    assert len(curriculum.levels)==2 and len(curriculum.get_kappa_trajectory())==2
    model,classifier,config,data = load_checkpoint_for_inference(tmp_path/'level_2_checkpoint.pt')
    x = torch.randn(2, 16, 16, generator=generator(0))
    with torch.no_grad(): assert_close(classifier(model(x)), head(block(x)))
    assert config['d_model']==16 and data['n_foci']==2
    optimizer = torch.optim.Adam([*model.parameters(), *classifier.parameters()])
    optimizer.load_state_dict(load_checkpoint(tmp_path/'level_2_checkpoint.pt')['optimizer_state_dict']) # the moments fit the modules
    classifier(model(x)).sum().backward()
    optimizer.step()


def test_checkpoints_are_version_2_and_plain(tmp_path):
    fit_curriculum(replace(TINY, members=1), tmp_path)
    c = torch.load(tmp_path/'level_3_checkpoint.pt', weights_only=True)
    assert set(c)=={'model_config', 'model_state_dict', 'classifier_state_dict', 'optimizer_state_dict', 'metrics', 'dataset_config', 'curriculum_info', 'training_config', 'viz_config', 'metadata'}
    assert c['metadata']['version']=='2.0' and c['classifier_state_dict']['weight'].shape==(3, 16)
    assert {'epoch_kappa', 'epoch_kappa_raw', 'epoch_offset', 'epoch_beta', 'epoch_t', 'epoch_loss'} <= set(c['metrics'])
    assert {'n_foci', 'observed_kappa', 'focal_angles', 'focal_weights', 'focal_centers', 'M_tau', 'M_sigma', 'd_model'} <= set(c['dataset_config'])
    assert {'level', 'is_stable', 'stability_variance', 'convergence_rate', 'stabilized_kappa'} <= set(c['curriculum_info'])
    assert c['dataset_config']['observed_kappa']!=c['curriculum_info']['stabilized_kappa'] # asked for and emerged, both kept


def test_published_checkpoints_load_and_upgrade(reference, tmp_path):
    paths = find_checkpoints(reference/'zetaformer')
    assert len(paths)==6
    for p in paths:
        c = load_checkpoint(p)
        assert c['metadata']['version']=='2.0' and c['metadata']['upgraded_from']=='1.0.0'
        save_level_checkpoint(tmp_path/p.name, {n: v for n,v in c.items() if n not in ('metadata', 'viz_config')})
        a,b = load_checkpoint_for_inference(p),load_checkpoint_for_inference(tmp_path/p.name)
        assert all(torch.equal(v, b[0].state_dict()[n]) for n,v in a[0].state_dict().items())


class Hostile:
    def __init__(self, path): self.path = str(path)
    def __reduce__(self): return os.system, (f'touch {self.path}',)


@pytest.mark.parametrize('kind', ['hostile', 'hostile inside', 'truncated', 'empty', 'text', 'list', 'level 0', 'incomplete', 'other shapes', 'folder', 'absent'])
def test_bad_checkpoints_are_refused_and_nothing_runs(tmp_path, kind):
    fit_curriculum(replace(TINY, members=1, levels=(2,)), tmp_path/'ok')
    good,path = tmp_path/'ok'/'level_1_checkpoint.pt',tmp_path/'level_9_checkpoint.pt'
    c = torch.load(good, weights_only=True)
    if kind=='hostile': torch.save(Hostile(tmp_path/'ran'), path)
    elif kind=='hostile inside': torch.save({**c, 'viz_config': Hostile(tmp_path/'ran')}, path)
    elif kind=='truncated': path.write_bytes(good.read_bytes()[:-300])
    elif kind=='empty': path.write_bytes(b'')
    elif kind=='text': path.write_text('not a checkpoint')
    elif kind=='list': torch.save([1, 2], path)
    elif kind=='level 0': torch.save({**c, 'dataset_config': {**c['dataset_config'], 'n_foci': 0}}, path)
    elif kind=='incomplete': torch.save({n: v for n,v in c.items() if n!='classifier_state_dict'}, path)
    elif kind=='other shapes': torch.save({**c, 'model_config': {**c['model_config'], 'd_model': 8, 'n_heads': 2}}, path)
    elif kind=='folder': path.mkdir()
    with pytest.raises(ValueError, match=path.name): load_checkpoint_for_inference(path)
    assert not (tmp_path/'ran').exists()


def test_folders_without_checkpoints(tmp_path):
    with pytest.raises(ValueError, match=r'no level_\*_checkpoint.pt in'): find_checkpoints(tmp_path)
    (tmp_path/'level_0_checkpoint.pt').write_bytes(b'')
    with pytest.raises(ValueError, match=r'no level_\*_checkpoint.pt in'): find_checkpoints(tmp_path)
    with pytest.raises(ValueError, match='no folder'): find_checkpoints(tmp_path/'none')


def test_the_experiment_runs_and_says_what_it_found(tmp_path):
    few = dict(epochs_per_level=3, stability_window=2, n_samples=64, n_validation=32, seq_len=4, members=2)
    r = run_experiment('train_curriculum', tmp_path, False, **few)
    assert r['levels']==[1, 2, 3] and len(r['emergent_kappa'])==2
    folder = Path(r['folder'])
    assert folder.parent==tmp_path/'curriculum' and folder.name.startswith('quick-shifted-seed0-')
    assert json.loads((folder/'curriculum.json').read_text())['runs'][1][2]['n_foci']==3
    assert len(find_checkpoints(folder/'member_00'))==3


matplotlib.use('agg')
CURVES = {plot_losses: 2, plot_accuracy: 1, plot_kernel: 2, plot_kappa_within_levels: 1} # bands


@pytest.fixture(scope='module')
def four_runs():
    return fit_curriculum(replace(TINY, members=4)).runs


@pytest.fixture(autouse=True)
def closed():
    yield
    from matplotlib import pyplot
    pyplot.close('all')


@pytest.mark.parametrize('members', [1, 2, 3, 4])
def test_few_members_are_lines_and_enough_are_an_interval(four_runs, members):
    m = CurriculumMetrics(four_runs[:members])
    for plot,bands in CURVES.items():
        drawn = [type(c).__name__ for c in plot(m).collections]
        assert len(drawn)==(bands if members>=4 else 0), plot
    ax = plot_kappa_trajectory(m)
    assert len(ax.containers)==(2 if members>=4 else 0)
    for i in range(members if members<4 else 0):
        assert np.allclose(ax.lines[i].get_ydata(), m.get_kappa_trajectory('target', i))


def test_positive_kappas_are_averaged_in_logarithms(four_runs):
    runs = copy.deepcopy(four_runs)
    for run,k in zip(runs, (.5, 1., 2., 16.)): run[1]['metrics']['epoch_kappa_raw'] = [k]*3
    ax = plot_kappa_within_levels(CurriculumMetrics(runs))
    assert ax.get_yscale()=='log' and np.isclose(ax.lines[0].get_ydata(), 2.).any()
    runs[0][1]['metrics']['epoch_kappa_raw'] = [-.5]*3
    ax = plot_kappa_within_levels(CurriculumMetrics(runs))
    assert ax.get_yscale()=='linear' and np.isclose(ax.lines[0].get_ydata(), 18.5/4).any()


def test_an_interval_ends_where_too_few_still_learn(four_runs):
    runs = copy.deepcopy(four_runs)
    for i,run in enumerate(runs): run[2]['metrics']['epoch_accuracy'] = [.25, .5, .75][:2 if i<2 else 3]
    ax = plot_accuracy(CurriculumMetrics(runs))
    mean,shade = ax.lines[0].get_xydata(),ax.collections[0].get_paths()
    assert mean[-1,1]==.75 and max(p.vertices[:,0].max() for p in shade)==mean[-2,0]


@pytest.mark.parametrize('members', [2, 4])
def test_no_legend_lies_over_data(four_runs, members):
    from bad_input.classifier import MODEL
    history = [dict(val_top1=.5, val_scale4_top1=.4)]*2
    m = CurriculumMetrics(four_runs[:members])
    axes = [plot(m) for plot in (*CURVES, plot_kappa_trajectory) if plot is not plot_accuracy]
    axes += [plot_cantor_sorted(MODEL), plot_cantor_cross_scale(MODEL)[1], plot_scale_accuracy(history),
             plot_reliability(torch.tensor([.5, 1.]), torch.tensor([True, False]))]
    for ax in axes:
        ax.figure.canvas.draw()
        inside,legend = ax.get_window_extent(),ax.get_legend().get_window_extent()
        page = ax.figure.bbox.padded(1)
        assert not legend.padded(-1).overlaps(inside)
        assert page.contains(*legend.min) and page.contains(*legend.max)
