"Properties of the stairs and the simplices over random inputs"
import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.geometry.cantor import cantor_function, soft_stairs
from geofractal_nb.geometry.simplex import class_anchors, edge_lengths, make_simplices, simplex_quality, simplex_volume
from geofractal_nb.models.heads import simplex_terms

unit = st.floats(0, 1)


@given(st.lists(unit, min_size=2, max_size=20))
def test_cantor_is_monotone_and_self_similar(xs):
    x = torch.tensor(sorted(xs), dtype=torch.float64)
    y = cantor_function(x)
    assert bool((y.diff()>=0).all()) and bool(((y>=0)&(y<=1)).all())
    assert_close(cantor_function(x/3), y/2, atol=1e-9, rtol=0)


@given(st.lists(unit, min_size=1, max_size=20), st.floats(1e-3, 5), st.integers(1, 12))
def test_soft_stairs_mirror_at_any_softness(xs, tau, levels):
    x = torch.tensor(xs, dtype=torch.float64)
    inside = ((3**levels*x)%1-.5).abs()<.499 # the mirror of a point on a border of thirds takes the other side
    (up,p),(down,_) = soft_stairs(x, tau=tau, levels=levels),soft_stairs(1-x, tau=tau, levels=levels)
    left = 2.**-levels*(1-p[...,1]).prod(-1)
    border = ((torch.stack([(3**l*x)%1 for l in range(levels)])-.5).abs()-.5).abs().amin(0)<1e-6
    assert_close((up+down)[~border&inside], (1-left)[~border&inside], atol=1e-7, rtol=0)


@given(st.lists(unit, min_size=1, max_size=20), st.floats(-1, 2), st.floats(1e-6, 10), st.integers(1, 10))
def test_soft_stairs_have_finite_gradients(xs, alpha, tau, levels):
    x,a = torch.tensor(xs, requires_grad=True),torch.tensor(alpha, requires_grad=True)
    value,digits = soft_stairs(x, a, tau, levels)
    assert_close(digits.sum(-1), torch.ones(len(xs), levels))
    assert all(g.isfinite().all() for g in torch.autograd.grad(value.sum(), (x, a)))


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 20), st.floats(.01, 3), st.sampled_from(['regular', 'random']))
def test_simplices_sit_around_their_anchors(C, k, spare, radius, kind):
    A = class_anchors(C, k+spare, generator(C))
    V = make_simplices(A, k, radius, kind, generator(k))
    assert_close(V.mean(1), A, atol=1e-5, rtol=1e-5)
    assert_close((V-A[:,None]).square().sum(-1).mean(-1).sqrt(), torch.full((C,), radius), rtol=1e-4, atol=1e-5)
    if kind=='regular':
        e = edge_lengths(V)
        assert_close(e, e.mean().expand_as(e), rtol=1e-3, atol=1e-4)
        assert bool((simplex_quality(V.double())>.99).all())


@given(st.integers(1, 8), st.integers(0, 6), st.integers(0, 10**6))
def test_volume_is_the_gram_determinant(k, spare, seed):
    V = torch.randn(k+1, k+spare, generator=generator(seed), dtype=torch.float64)
    E = V[1:]-V[0]
    assert_close(simplex_volume(V), torch.linalg.det(E@E.T).clamp(min=0).sqrt()/math.factorial(k), rtol=1e-5, atol=1e-10)
    Q = torch.linalg.qr(torch.randn(k+spare, k+spare, generator=generator(seed+1), dtype=torch.float64))[0]
    assert_close(simplex_volume(2*V@Q+1), 2**k*simplex_volume(V), rtol=1e-5, atol=1e-9) # moved, turned, doubled


@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 6), st.integers(0, 5), st.integers(0, 10**6))
def test_fast_terms_equal_the_naive_ones(B, C, k, spare, seed):
    g = generator(seed)
    q = torch.nn.functional.normalize(torch.randn(B, k+spare, generator=g), dim=-1)
    V = make_simplices(class_anchors(C, k+spare, g), k, .4, 'random', g)
    feature,crystal,nearest = simplex_terms(q, V)
    d = (q[:,None,None].double()-V.double()).norm(dim=-1)
    assert_close(crystal.double(), -d.amin(-1), atol=2e-4, rtol=1e-4)
    assert_close(feature, q@torch.nn.functional.normalize(V.mean(1), dim=-1).T, atol=1e-5, rtol=1e-5)
    assert_close(d.gather(-1, nearest[...,None])[...,0], d.amin(-1), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize('k', [2, 6, 16])
def test_flat_simplices_have_no_volume(k):
    V = torch.randn(k+1, k+3, generator=generator(k))
    V[-1] = V[:-1].mean(0)
    assert simplex_quality(V).item()**k<1e-4
