"Properties of the stairs and the simplices over random inputs"
import math

import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.geometry.cantor import CantorStairs, cantor_function, rms_normalize, soft_stairs
from geofractal_nb.geometry.simplex import (class_anchors, edge_lengths, is_degenerate,
                                            make_simplices, regular_simplex, simplex_quality,
    simplex_volume, squared_edges)
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
    inside = ((3**levels*x)%1-.5).abs()<.499 # a border's mirror takes the other side
    (up,p),(down,_) = soft_stairs(x, tau=tau, levels=levels),soft_stairs(1-x, tau=tau,
        levels=levels)
    left = 2.**-levels*(1-p[...,1]).prod(-1)
    border = ((torch.stack([(3**l*x)%1 for l in range(levels)])-.5).abs()-.5).abs().amin(0)<1e-6
    assert_close((up+down)[~border&inside], (1-left)[~border&inside], atol=1e-7, rtol=0)


@given(st.lists(unit, min_size=1, max_size=20), st.floats(-1, 2), st.floats(1e-6, 10),
       st.integers(1, 10))
def test_soft_stairs_have_finite_gradients(xs, alpha, tau, levels):
    x,a = torch.tensor(xs, requires_grad=True),torch.tensor(alpha, requires_grad=True)
    value,digits = soft_stairs(x, a, tau, levels)
    assert_close(digits.sum(-1), torch.ones(len(xs), levels))
    assert all(g.isfinite().all() for g in torch.autograd.grad(value.sum(), (x, a)))


@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 20), st.floats(.01, 3),
       st.sampled_from(['regular', 'random']))
def test_simplices_sit_around_their_anchors(C, k, spare, radius, kind):
    A = class_anchors(C, k+spare, generator(C))
    V = make_simplices(A, k, radius, kind, generator(k))
    assert_close(V.mean(1), A, atol=1e-5, rtol=1e-5)
    assert_close((V-A[:,None]).square().sum(-1).mean(-1).sqrt(), torch.full((C,), radius),
                 rtol=1e-4, atol=1e-5)
    if kind=='regular':
        e = edge_lengths(V)
        assert_close(e, e.mean().expand_as(e), rtol=1e-3, atol=1e-4)
        assert bool((simplex_quality(V.double())>.99).all())


@given(st.integers(1, 8), st.integers(0, 6), st.integers(0, 10**6))
def test_volume_is_the_gram_determinant(k, spare, seed):
    V = torch.randn(k+1, k+spare, generator=generator(seed), dtype=torch.float64)
    E = V[1:]-V[0]
    assert_close(simplex_volume(V), torch.linalg.det(E@E.T).clamp(min=0).sqrt()/math.factorial(k),
                 rtol=1e-5, atol=1e-10)
    Q = torch.linalg.qr(torch.randn(k+spare, k+spare, generator=generator(seed+1),
                                    dtype=torch.float64))[0]
    assert_close(simplex_volume(2*V@Q+1), 2**k*simplex_volume(V), rtol=1e-5,
                 atol=1e-9) # moved, turned, doubled


@given(st.integers(1, 9), st.integers(2, 9), st.integers(1, 6), st.integers(0, 5),
       st.integers(0, 10**6))
def test_fast_terms_equal_the_naive_ones(B, C, k, spare, seed):
    g = generator(seed)
    q = torch.nn.functional.normalize(torch.randn(B, k+spare, generator=g), dim=-1)
    V = make_simplices(class_anchors(C, k+spare, g), k, .4, 'random', g)
    feature,crystal,nearest = simplex_terms(q, V)
    d = (q[:,None,None].double()-V.double()).norm(dim=-1)
    assert_close(crystal.double(), -d.amin(-1), atol=2e-4, rtol=1e-4)
    assert_close(feature, q@torch.nn.functional.normalize(V.mean(1), dim=-1).T, atol=1e-5,
                 rtol=1e-5)
    assert_close(d.gather(-1, nearest[...,None])[...,0], d.amin(-1), atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize('k', [2, 6, 16])
def test_flat_simplices_have_no_volume(k):
    V = torch.randn(k+1, k+3, generator=generator(k))
    V[-1] = V[:-1].mean(0)
    assert simplex_quality(V).item()**k<1e-4


@pytest.mark.parametrize('dtype, scales',
                         [(torch.float32, (1e-36, 1e-30, 1e-14, 1., 1e20, 1e30, 1e37)),
                          (torch.float64, (1e-300, 1e-30, 1e30, 1e300))])
def test_rows_have_unit_root_mean_square_at_any_scale(dtype, scales):
    x = torch.randn(5, 24, generator=generator(0), dtype=dtype)
    x[0] = 0
    for s in scales:
        y = (s*x).requires_grad_()
        rms = rms_normalize(y).square().mean(-1).sqrt()
        assert_close(rms, torch.tensor([0., 1, 1, 1, 1], dtype=dtype))
        assert torch.autograd.grad(rms_normalize(y)[:,0].sum(), y)[0].isfinite().all()
    assert torch.autograd.gradcheck(rms_normalize, (x[1:3].double().requires_grad_(),))


def test_rows_that_float32_cannot_hold_have_a_place_on_the_stairs():
    stairs,x = CantorStairs(8),torch.randn(6, 8, generator=generator(0), dtype=torch.float64)
    for reference in (False, True):
        stairs.reference = reference
        for s in (1e-300, 1e200, 1e300): assert_close(stairs(s*x)[0], stairs(x.float())[0],
                                                      atol=1e-5, rtol=1e-5)


def test_stairs_are_the_same_with_and_without_the_checks():
    stairs,f = CantorStairs(8, tau=.1, levels=7),torch.randn(50, 8, generator=generator(0))
    x = torch.sigmoid(stairs.feature_to_position(rms_normalize(f))[:,0])
    for a,b in zip(stairs(f), soft_stairs(x, stairs.alpha, .1, 7)): assert torch.equal(a, b)
    assert torch.autograd.grad(soft_stairs(x, stairs.alpha)[0].sum(),
                               stairs.alpha)[0]!=0 # a learnable height stays learnable


@given(st.integers(1, 20), st.integers(0, 4), st.integers(0, 10**6),
       st.sampled_from([1e-150, 1e-20, 1., 1e20, 1e150]))
def test_quality_is_blind_to_size(k, spare, seed, size):
    V = torch.randn(k+1, k+spare, generator=generator(seed), dtype=torch.float64)
    assert_close(simplex_quality(size*V), simplex_quality(V), atol=1e-6, rtol=1e-6)
    flat = torch.ones(k+1, k, dtype=torch.float64)
    assert not is_degenerate(size*regular_simplex(k)) and is_degenerate(size*flat)
    assert_close(edge_lengths(size*V)/size, edge_lengths(V))


@pytest.mark.parametrize('size', [1e-20, 1e20])
@pytest.mark.parametrize('k', [1, 2, 5])
def test_volume_scales_with_the_power_k(k, size):
    V = torch.randn(k+1, k, generator=generator(k), dtype=torch.float64)
    assert_close(simplex_volume(size*V)/size**k, simplex_volume(V), rtol=1e-6, atol=0)


def test_large_simplices_have_a_quality():
    for k in (100, 200, 400): assert_close(simplex_quality(regular_simplex(k)).item(), 1.)


def test_squared_edges_have_finite_gradients_where_vertices_coincide():
    V = torch.ones(3, 4, requires_grad=True)
    assert torch.autograd.grad(squared_edges(V).sum(), V)[0].abs().max()==0
    W = torch.randn(3, 4, generator=generator(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(squared_edges,
                                    (W,)) and torch.autograd.gradcheck(simplex_volume, (W,))


def test_random_construction_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    assert torch.equal(class_anchors(3, 5), class_anchors(3, 5))
    assert torch.equal(make_simplices(torch.eye(3), 2, kind='random'),
                       make_simplices(torch.eye(3), 2, kind='random'))
    assert torch.equal(before, torch.random.get_rng_state())
