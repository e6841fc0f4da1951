"The classifier: batches, checkpoints of every kind, the source's numbers"
import pickle

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings, strategies as st
from safetensors.torch import load_file, save_file
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.losses import ContrastiveBasinLoss
from geofractal_nb.model_card import usage
from geofractal_nb.models.density import density
from geofractal_nb.models.david import GeoFractalDavid, load_model, save_model
from geofractal_nb.models.heads import MANY, SimplexHead
from geofractal_nb.models.start import Moments
from geofractal_nb.storage import load_json


def small(**kw): return GeoFractalDavid(**{**dict(feature_dim=12, num_classes=9, k=3, scales=(8, 16)), **kw}).eval()


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 1000))
def test_batching_changes_no_logit(n, cut, seed):
    model,f = small(),3*torch.randn(n, 12, generator=generator(seed))
    full = model(f)
    perm = torch.randperm(n, generator=generator(seed, 'perm'))
    assert_close(model(f[perm]), full[perm], atol=1e-5, rtol=0)
    assert_close(torch.cat([model(p) for p in f.split(cut)]), full, atol=1e-5, rtol=0)
    assert_close(model(torch.cat([f, 100*torch.ones(cut, 12)]))[:n], full, atol=1e-5, rtol=0)


def test_reference_mode_depends_on_the_batch():
    model,f = small(reference=True),torch.randn(256, 12, generator=generator(0))
    assert (model(f)-model(f.flip(0)).flip(0)).abs().max()>1e-2


def test_reproduces_the_source(reference):
    told,io = load_json(reference/'geofractal_david.json'),load_file(reference/'geofractal_david_io.safetensors')
    model = GeoFractalDavid(**told['config'], reference=True)
    model.load_state_dict(load_file(reference/'geofractal_david_weights.safetensors'))
    logits,more = model(io['features'], return_intermediates=True)
    for got,name in ((logits, 'logits'), (more['cantor_values'], 'cantor_values'), *((l, f'scale_logits.{s}') for s,l in more['scale_logits'].items())):
        assert_close(got, io[name], atol=1e-5, rtol=0)
    assert_close(load_model(reference/'geofractal_david_weights.safetensors', reference=True)(io['features']), io['logits'], atol=1e-5, rtol=0)


def test_initial_weights_are_the_same_in_another_process(root):
    import subprocess, sys
    code = ("from geofractal_nb.models.david import GeoFractalDavid as G; import hashlib; m=G(12,9,3,(8,16),seed=4);"
            "print(hashlib.sha256(b''.join(p.detach().numpy().tobytes() for p in m.parameters())).hexdigest())")
    said = {subprocess.run([sys.executable, '-c', code], env={'PYTHONHASHSEED': h, 'PATH': ''}, cwd=root, capture_output=True, text=True, check=True).stdout for h in ('1', '2')}
    assert len(said)==1


def test_the_global_generator_is_never_touched():
    before = torch.random.get_rng_state()
    loss = ContrastiveBasinLoss(separation_weight=1., geometry_weight=1.)(small().train(), torch.randn(5, 12, generator=generator(0)), torch.arange(5))[0]
    loss.backward()
    assert torch.equal(before, torch.random.get_rng_state())


@pytest.mark.parametrize('features', [torch.zeros(3, 12), torch.ones(3, 12), 1e6*torch.eye(12)[:3], 1e-20*torch.eye(12)[:3]])
def test_gradients_are_finite_at_odd_inputs(features):
    model = small()
    with torch.no_grad():
        for h in model.heads.values(): h.class_prototypes[1] = h.class_prototypes[1,:1] # coincident vertices
    total,_ = ContrastiveBasinLoss(separation_weight=.1, discretisation_weight=.1, geometry_weight=.1)(model, features, torch.tensor([0, 1, 2]))
    total.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_saved_and_loaded_is_the_same(tmp_path):
    model,f = small(terms=('feature', 'crystal'), seed=3),torch.randn(6, 12, generator=generator(1))
    save_model(tmp_path/'m.safetensors', model)
    assert torch.equal(load_model(tmp_path/'m.safetensors')(f), model(f))
    torch.save(small().state_dict(), tmp_path/'m.pt')
    assert torch.equal(load_model(tmp_path/'m.pt')(f), small()(f))


class Attack:
    def __init__(self, path): self.path = path
    def __reduce__(self):
        import os
        return os.mkdir,(self.path,)


def damaged(kind, tmp_path):
    "A checkpoint that is wrong in one way, and a piece of the expected message"
    state,path = small().state_dict(),tmp_path/'bad.safetensors'
    if kind=='missing keys': save_file({n: t for n,t in state.items() if 'projection.3' not in n}, path); return path,'missing'
    if kind=='extra keys': save_file({**state, 'more': torch.ones(1)}, path); return path,'unexpected'
    if kind=='other shape': save_file({**state, 'heads.16.class_prototypes': torch.ones(9, 4, 15)}, path); return path,'has shape'
    if kind=='not finite': save_file({**state, 'fusion_weights': torch.tensor([0, torch.nan])}, path); return path,'NaN or infinity'
    if kind=='another model': save_file({'weight': torch.ones(2)}, path); return path,'not a GeoFractalDavid checkpoint'
    if kind=='truncated': save_file(state, path); path.write_bytes(path.read_bytes()[:-100]); return path,'truncated'
    if kind=='text': path.write_text('hello'); return path,'not a readable safetensors file'
    if kind=='empty': path.write_bytes(b''); return path,'not a readable safetensors file'
    if kind=='absent': return path,'no file'
    path = tmp_path/'bad.pt'
    if kind=='hostile torch file': torch.save({'w': Attack(str(tmp_path/'owned'))}, path); return path,'cannot be loaded safely'
    if kind=='hostile pickle': path.write_bytes(pickle.dumps(Attack(str(tmp_path/'owned')), protocol=2)); return path,'cannot be loaded safely'
    if kind=='list of numbers': torch.save([1, 2], path); return path,'does not hold a state dict'
    raise KeyError(kind)


@pytest.mark.parametrize('kind', ['missing keys', 'extra keys', 'other shape', 'not finite', 'another model', 'truncated', 'text', 'empty', 'absent',
                                  'hostile torch file', 'hostile pickle', 'list of numbers'])
def test_bad_checkpoints_are_refused(kind, tmp_path):
    path,message = damaged(kind, tmp_path)
    with pytest.raises(ValueError, match=message): load_model(path)
    assert not (tmp_path/'owned').exists()


def test_the_default_is_the_candidate_chosen_on_validation(root):
    from geofractal_nb.runner import read_result
    import inspect
    from geofractal_nb.estimator import GeoFractalClassifier
    from geofractal_nb.training.basin import BasinConfig
    found,default = read_result(root/'nbs/results/basin_choice.ipynb'),BasinConfig()
    centre = dict(k=1, scales=[512], start='discriminant', temperature=.1, smoothing=0., radius=.25, lr=1e-3, batch_size=128, epochs=15, coherence_weight=.1)
    for n,v in {**centre, **found['changes']}.items(): assert getattr(default, n)==(tuple(v) if isinstance(v, list) else v), n
    params = inspect.signature(GeoFractalClassifier).parameters # the estimator's defaults are the same
    for ours,theirs in dict(k='k', scales='scales', start='start', temperature='temperature', smoothing='smoothing', epochs='epochs', batch_size='batch_size',
                            lr='learning_rate', weight_decay='weight_decay').items(): assert params[theirs].default==getattr(default, ours), ours


def both_ways(monkeypatch, B, C, k, s, seed, precision=None):
    "Logits of a head, and gradients of its weights and positions, by the three terms and in one step"
    g = generator(seed, 'both ways')
    head = SimplexHead(s+3, C, k, s, radius=.5, kind='random', gen=g)
    x,pull = torch.randn(B, s+3, generator=g),torch.randn(B, C, generator=g)
    with torch.no_grad(): head.geo_weights.copy_(torch.randn(3, generator=g))
    places = torch.rand(B, generator=g)
    found = []
    for least in (10**9, 0):
        monkeypatch.setitem(MANY, 'pairs', least)
        monkeypatch.setitem(MANY, 'vertices', 2)
        values = places.clone().requires_grad_()
        with torch.autocast('cpu', precision, enabled=precision is not None): logits = head(x, values)
        wanted = [p for n,p in head.named_parameters() if n!='geo_weights']+[head.geo_weights, values]
        found.append((logits.detach(), torch.autograd.grad(logits, wanted, pull.to(logits.dtype))))
    return head,x,found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=40)
@given(B=st.integers(1, 9), C=st.integers(2, 9), k=st.integers(1, 6), spare=st.integers(0, 5), seed=st.integers(0, 10**6))
def test_following_the_nearest_vertex_gives_the_same_gradients(monkeypatch, B, C, k, spare, seed):
    head,x,((plain, a),(fast, b)) = both_ways(monkeypatch, B, C, k, k+spare, seed)
    with torch.no_grad():
        d = torch.cdist(head.query(x).double(), head.class_prototypes.double().flatten(0, 1)).view(B, C, k+1)
    two = d.topk(2, largest=False).values
    assume((two[...,1]-two[...,0]).amin()>1e-4 and two.amin()>1e-2) # ties have two gradients, touching ones steep ones
    assert_close(fast, plain, rtol=1e-4, atol=1e-5)
    for p,q in zip(a, b): assert_close(q, p, rtol=1e-3, atol=1e-4*(1+p.abs().max().item()))


def test_following_the_nearest_vertex_in_bfloat16(monkeypatch):
    _,_,((plain, _),(fast, b)) = both_ways(monkeypatch, 64, 12, 9, 24, 0, torch.bfloat16)
    assert fast.dtype==torch.float32
    assert_close(fast, plain, rtol=.05, atol=.05)
    _,_,((_, exact),_) = both_ways(monkeypatch, 64, 12, 9, 24, 0)
    for p,q in zip(exact, b): # directions agree although single numbers are coarse
        assert torch.nn.functional.cosine_similarity(p.flatten(), q.float().flatten(), dim=0)>.97


def test_queries_on_their_vertices_have_finite_gradients(monkeypatch):
    monkeypatch.setitem(MANY, 'pairs', 0)
    head = SimplexHead(6, 3, 7, 7, gen=generator(0))
    x = torch.randn(4, 6, generator=generator(1))
    with torch.no_grad(): head.class_prototypes[0] = head.query(x)[0] # all eight vertices of a class in one place
    head(x, torch.rand(4, generator=generator(2))).sum().backward()
    assert all(p.grad.isfinite().all() for p in head.parameters())


@pytest.mark.parametrize('kind', [{}, dict(linear=True), dict(terms=('feature', 'crystal')), dict(terms=('cantor',), linear=True)])
def test_the_cards_snippet_gives_the_model_it_describes(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = GeoFractalDavid(6, 4, 2, (8, 12), **kind).eval()
    save_file(model.state_dict(), 'w.safetensors')
    x = torch.randn(5, 6, generator=generator(0, 'card'))
    scope = {'features': x}
    exec(usage(model, 'w.safetensors').split('```python\n')[1].split('```')[0], scope)
    with torch.no_grad(): assert_close(scope['logits'], model(x), rtol=0, atol=0)


def test_distances_within_tight_clusters_keep_their_digits():
    gen = generator(0, 'tight')
    means = torch.randn(5, 8, generator=gen)
    y = torch.arange(200)%5
    x = means[y]+1e-4*torch.randn(200, 8, generator=gen)
    d = density(Moments(8, 5).add(x, y))
    z = (x.double()-d.mean.double())@d.white.double()
    exact = (z-d.centers.double()[y]).square().sum(1)
    assert_close(d.distances(x).double(), exact, rtol=.05, atol=.05)
