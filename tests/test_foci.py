"The focal solver over its whole range"
import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.geometry.foci import METHODS, equispaced_angles, feasible_kappa, moments, solve_focal_config, validate_focal_configuration


@pytest.mark.parametrize('n', [*range(1, 33), 64, 100, 128, 255, 256])
def test_maximum_entropy_is_exact(n):
    ks = torch.logspace(-3, 3, 97, dtype=torch.float64)
    config = solve_focal_config(n, ks)
    mt,ms = moments(*config)
    assert ((mt/ms/ks-1).abs()<1e-10).all()
    assert (config.weights>=0).all() and ((config.weights.sum(-1)-1).abs()<1e-12).all()
    low,high = feasible_kappa(equispaced_angles(n))
    assert torch.equal(config.adjusted, ~((ks>=low)&(ks<=high)) if n>2 else torch.ones(97, dtype=torch.bool))


@given(st.integers(1, 40), st.floats(-3, 3), st.sampled_from([m for m in METHODS if m not in ('slsqp', 'reference')]))
def test_every_exact_method_is_exact(n, log, method):
    validate_focal_configuration(*solve_focal_config(n, 10**log, method=method), 10**log)


@pytest.mark.parametrize('n, kappa', [(3, .5), (5, 1.421), (8, .2), (16, 3.), (31, 1.2)])
def test_slsqp_is_exact_and_stays_near_the_polygon(n, kappa):
    angles,weights = solve_focal_config(n, kappa, method='slsqp')
    validate_focal_configuration(angles, weights, kappa)


@given(st.lists(st.floats(0, 6.28), min_size=3, max_size=12, unique=True), st.floats(.05, .95))
def test_given_angles_reach_exactly_their_interval(angles, at):
    angles = np.sort(angles)
    if (np.diff(angles)<1e-3).any(): return
    low,high = feasible_kappa(angles)
    low,high = max(low, 1e-3),min(high, 1e3)
    if high<low*1.01: return
    k = low**(1-at)*high**at
    for method in ('maxent', 'least_norm', 'sparse'): validate_focal_configuration(*solve_focal_config(len(angles), k, angles, method), k, tol=1e-9)
    for outside in (low/2, high*2):
        if outside<feasible_kappa(angles)[0] or outside>feasible_kappa(angles)[1]:
            with pytest.raises(ValueError, match='their interval is'): solve_focal_config(len(angles), outside, angles)


@given(st.integers(3, 20), st.floats(-1, 1))
def test_methods_are_what_they_say(n, log):
    k = 10**log
    w = {m: solve_focal_config(n, k, method=m).weights for m in ('maxent', 'least_norm', 'sparse')}
    entropy,norm = (lambda p: torch.special.entr(p).sum().item()),(lambda p: p.square().sum().item())
    assert entropy(w['maxent'])>=max(map(entropy, w.values()))-1e-9
    assert norm(w['least_norm'])<=min(map(norm, w.values()))+1e-9
    assert (w['sparse']>0).sum()<=2


@pytest.mark.parametrize('n', [3, 7, 12])
def test_gradient_is_the_difference_quotient(n):
    for k in (.05, .4, 1., 9.):
        kappa,h = torch.tensor(k, dtype=torch.float64, requires_grad=True),1e-6
        weights = solve_focal_config(n, kappa).weights
        for i in (0, n-1):
            slope = (solve_focal_config(n, k+h).weights[i]-solve_focal_config(n, k-h).weights[i])/(2*h)
            assert_close(torch.autograd.grad(weights[i], kappa, retain_graph=True)[0], slope, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('n, kappa, message', [(0, 1., 'n_foci'), (-1, 1., 'n_foci'), (2.5, 1., 'n_foci'), (3, 0., 'positive and finite'), (3, -1., 'positive and finite'),
    (3, math.nan, 'positive and finite'), (3, math.inf, 'positive and finite'), (3, [[1.]], 'number or a vector'), (3, [], 'number or a vector')])
def test_bad_input_is_named(n, kappa, message):
    with pytest.raises(ValueError, match=message): solve_focal_config(n, kappa)


@pytest.mark.parametrize('angles, message', [([0., 2., 1.], 'sorted'), ([0., 1., 1.], 'distinct'), ([0., math.nan, 1.], 'finite'), ([-1., 0., 1.], r'\[0, 2 pi\)'), ([], 'non-empty'), ([0., 1.], '2 angles for 3')])
def test_bad_angles_are_named(angles, message):
    with pytest.raises(ValueError, match=message): solve_focal_config(3, 1., angles)
