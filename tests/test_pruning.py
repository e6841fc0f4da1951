"Pruning: bounds that bound, and the classes that the full computation finds"
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

import geofractal_nb.models.pruning as pruning
from geofractal_nb.core import generator
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.models.heads import TERMS
from geofractal_nb.models.pruning import bound_logits, class_bounds, predict, top_classes


@pytest.fixture(autouse=True)
def always(monkeypatch):
    "Prune also where it does not pay"
    for name,value in dict(MIN_K=1, MIN_CLASSES=2, MIN_ROWS=1, MOST=1.).items(): monkeypatch.setattr(pruning, name, value)


@st.composite
def cases(draw):
    "A model and rows: terms, sizes, radii, duplicated classes, rows that fall on classes"
    seed,C = draw(st.integers(0, 10**6)),draw(st.integers(2, 60))
    scales = draw(st.lists(st.integers(2, 32), min_size=1, max_size=3, unique=True))
    k = draw(st.integers(1, min(12, *scales)))
    terms = draw(st.lists(st.sampled_from(TERMS), min_size=1, unique=True))
    radius,kind = draw(st.floats(.01, 2)),draw(st.sampled_from(('regular', 'random')))
    model = GeoFractalDavid(8, C, k, scales, radius=radius, kind=kind, terms=terms, linear=True, seed=seed).eval()
    gen = generator(seed, 'rows')
    x = torch.randn(draw(st.integers(1, 40)), 8, generator=gen)
    with torch.no_grad():
        model.fusion_weights += torch.randn(len(scales), generator=gen)
        for h in model.heads.values(): h.geo_weights += torch.randn(3, generator=gen)
        if draw(st.booleans()): # as after training: classes where rows fall
            own = torch.arange(C)%len(x)
            for h in model.heads.values():
                V = h.class_prototypes
                V += (h.query(model.prepare(x))[own]-V.mean(1))[:,None]
        if draw(st.booleans()) and C>3: # pairs of equal classes
            for h in model.heads.values():
                for p in (h.class_prototypes, h.cantor_prototypes): p[C//2:2*(C//2)] = p[:C//2]
    return model,x


def full_of(model, x):
    with torch.no_grad(): return model(x)


@given(cases())
def test_bounds_bound(case):
    model,x = case
    full = full_of(model, x)
    lower,upper = bound_logits(model, x)
    assert (lower<=full).all() and (full<=upper).all()


@given(cases(), st.sampled_from((1, 5)))
def test_the_classes_of_the_full_computation(case, n):
    model,x = case
    full,n = full_of(model, x),min(n, model.config['num_classes'])
    classes,logits,share = top_classes(model, x, n)
    assert torch.equal(classes, full.topk(n).indices) and 0<=share<=1+1e-9
    assert_close(logits, full.topk(n).values, rtol=0, atol=1e-5)
    assert torch.equal(predict(model, x), full.argmax(1))
    assert torch.equal(predict(model, x.double().numpy(), class_bounds(model)), full_of(model, x.double()).argmax(1))


@given(cases(), st.integers(0, 1000))
def test_batches_permuted(case, seed):
    model,x = case
    perm = torch.randperm(len(x), generator=generator(seed))
    assert torch.equal(predict(model, x[perm]), full_of(model, x[perm]).argmax(1))


@given(cases())
def test_evaluated_pairs_have_their_logits(case):
    model,x = case
    bounds = class_bounds(model)
    with torch.no_grad(): b = pruning._bounded(model, model.prepare(x), bounds)
    full = full_of(model, x)
    with torch.no_grad(): logits,error = pruning._evaluated(model, b, bounds, torch.rand(full.shape, generator=generator(0))<.5)
    there = logits.isfinite()
    assert ((logits-full).abs()[there]<=error[there]).all()


def wide(**kw): return GeoFractalDavid(**{**dict(feature_dim=8, num_classes=200, k=4, scales=(16, 24), radius=.05), **kw}).eval()


def test_classes_are_left_out():
    model,x = wide(),torch.randn(64, 8, generator=generator(1))
    assert top_classes(model, x)[2]<.5
    assert top_classes(wide(terms=('feature',)), x)[2]<.05


def test_the_full_computation_where_pruning_does_not_pay(monkeypatch):
    x = torch.randn(64, 8, generator=generator(1))
    for name,value in dict(MIN_K=5, MIN_CLASSES=201, MIN_ROWS=65, MOST=1e-9).items():
        with monkeypatch.context() as m:
            m.setattr(pruning, name, value)
            assert top_classes(wide(), x)[2]==1


def test_ties_fall_as_in_the_full_computation():
    model,x = wide(),torch.randn(64, 8, generator=generator(2))
    with torch.no_grad():
        for h in model.heads.values():
            for p in (h.class_prototypes, h.cantor_prototypes): p[:] = p[:1]
    full = full_of(model, x)
    assert torch.equal(predict(model, x), full.argmax(1))
    assert torch.equal(top_classes(model, x, 5)[0], full.topk(5).indices)


def test_bounds_of_other_weights_are_refused():
    model,x = wide(),torch.zeros(3, 8)
    bounds = class_bounds(model)
    predict(model, x, bounds)
    with torch.no_grad(): model.heads['16'].class_prototypes += 1
    with pytest.raises(ValueError, match='as they are now'): predict(model, x, bounds)
    with pytest.raises(ValueError, match='as they are now'): predict(wide(), x, class_bounds(model))


@pytest.mark.parametrize('fused', [True, False])
def test_bounds_of_weights_that_were_trained_since_are_refused(fused):
    model = GeoFractalDavid(8, 40, 2, (16, 24))
    bounds = class_bounds(model)
    x = torch.randn(9, 8, generator=generator(0, 'trained'))
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=fused)
    model(x).square().sum().backward()
    assert bounds.fit(model)
    opt.step()
    assert not bounds.fit(model)
    with pytest.raises(ValueError, match='weights as they are now'): predict(model, x, bounds)
    moved = class_bounds(model)
    model.heads['16'].class_prototypes.data[3,1] += .1 # written to behind autograd's back
    assert not moved.fit(model)
