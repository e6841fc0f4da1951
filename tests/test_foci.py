"The focal solver over its whole range"
import math

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.geometry import foci
from geofractal_nb.geometry.foci import (METHODS, TURNED_RANGE, equispaced_angles, feasible_kappa,
                                         kappa_of, slsqp_config,
    solve_focal_config, tilt, validate_focal_configuration)

EXACT = [m for m in METHODS if m not in ('slsqp', 'reference')]


@pytest.mark.parametrize('n', [*range(1, 33), 64, 100, 128, 255, 256])
def test_maximum_entropy_is_exact(n):
    ks = torch.logspace(-3, 3, 97, dtype=torch.float64)
    config = solve_focal_config(n, ks)
    assert ((kappa_of(*config)/ks-1).abs()<1e-10).all()
    assert (config.weights>=0).all() and ((config.weights.sum(-1)-1).abs()<1e-12).all()
    low,high = feasible_kappa(equispaced_angles(n))
    assert torch.equal(config.adjusted,
                       ~((ks>=low)&(ks<=high)) if n>2 else torch.ones(97, dtype=torch.bool))


@given(st.integers(1, 40), st.floats(-3, 3), st.sampled_from(EXACT))
def test_every_exact_method_is_exact(n, log, method):
    validate_focal_configuration(*solve_focal_config(n, 10**log, method=method), 10**log)


@pytest.mark.parametrize('method', EXACT)
@pytest.mark.parametrize('n', [1, 2, 3, 4, 5, 6, 7, 8, 31, 64, 255, 256])
def test_exact_over_the_whole_range(n, method):
    ks = np.geomspace(*TURNED_RANGE.get(n, (1e-20, 1e20)), 161)
    A,w = (t.numpy().astype(np.longdouble)
           for t in solve_focal_config(n, ks, method=method)) # measured with more digits
    got = (w*np.cos(A)**2).sum(1)/(w*np.sin(A)**2).sum(1)
    assert (np.abs(got/ks-1)<1e-10).all()


@pytest.mark.parametrize('n, kappa, method',
                         [(3, 1e6, 'maxent'), (5, 10**5.5, 'maxent'), (7, 10**-5.5, 'maxent'),
                          (3, 1e-12, 'least_norm'), (9, 1e18, 'sparse')])
def test_strong_anisotropy_is_exact(n, kappa,
                                    method): validate_focal_configuration(*solve_focal_config(n,
                                        kappa, method=method), kappa)


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('kappa', [1e30, 1e300, 1e-300, 5e-324, 1e21])
def test_what_angles_cannot_tell_is_refused(kappa, method):
    with pytest.raises(ValueError, match=r'from 1e-20 to 1e\+20'): solve_focal_config(3, kappa,
        method=method)


@given(st.lists(st.floats(0, 6.28), min_size=2, max_size=30, unique=True), st.floats(0, 1),
       st.booleans(), st.sampled_from(EXACT))
def test_any_angles_are_exact_or_refused(angles, at, crowded, method):
    angles = np.unique([*angles, *(np.array(angles[:2])+1e-9)] if crowded else angles)
    low,high = (min(max(k, 1e-20), 1e20) for k in feasible_kappa(angles))
    k = low**(1-at)*high**at
    try: A,w = solve_focal_config(len(angles), k, angles, method)
    except ValueError: return # says so: there are no weights that a user could take for right
    assert abs(kappa_of(A, w).item()/k-1)<=1e-10


def test_a_search_that_fails_is_an_error(monkeypatch):
    with pytest.raises(ValueError, match='no tilt found'): tilt(np.array([1e15]),
                                                                equispaced_angles(7), steps=2)
    monkeypatch.setattr(foci, 'least_norm_weights', lambda k,
                        a: np.full((len(k), len(a)), 1/len(a)))
    with pytest.raises(ValueError, match='came out as'): solve_focal_config(5, 2.,
        method='least_norm')


def kkt(kappa, start, angles, w): # largest violation of the conditions of the smallest change
    n,u,v,omega = len(w),np.cos(2*angles),np.sin(2*angles),w*len(w)
    on = omega>0
    (mu,lam),*_ = np.linalg.lstsq(np.stack([np.ones(n), u], 1)[on], omega[on]-1, rcond=None)
    if np.ptp(u[on])<1e-9: # weights alone do not tell lambda
        lam = -((angles-start)*omega*v).sum()/max((2*(omega*v)**2).sum(), 1e-300)
        mu = (omega[on]-1-lam*u[on]).mean()
    return max(np.abs(omega-np.maximum(0, 1+mu+lam*u)).max(),
               np.abs(angles-start+2*lam*omega*v).max(), abs(w.sum()-1),
               abs(w@u-(kappa-1)/(kappa+1)))


@pytest.mark.parametrize('n', [3, 4, 5, 6, 12, 31, 256, 1000])
def test_slsqp_satisfies_the_conditions_of_the_smallest_change(n):
    for kappa in (.45, .9, 1., 1.421, 3., 20., 1e3):
        start = equispaced_angles(n)
        angles,w = slsqp_config(kappa, n)
        assert (w>=0).all() and kkt(kappa, start, angles, w)<1e-9
        validate_focal_configuration(angles, w, kappa)


@pytest.mark.parametrize('n, kappa', [(3, .5), (5, 1.421), (8, .2), (9, 30.), (12, 3.)])
def test_slsqp_stays_as_near_as_scipy_finds(n, kappa):
    from scipy.optimize import minimize
    start,c = equispaced_angles(n),(kappa-1)/(kappa+1)
    x0 = np.concatenate([start, np.ones(n)])
    found = minimize(lambda x: ((x-x0)**2).sum(), x0, jac=lambda x: 2*(x-x0), method='SLSQP',
                     bounds=[(None, None)]*n+[(0, None)]*n, options=dict(maxiter=300, ftol=1e-13),
        constraints=[dict(type='eq', fun=lambda x: x[n:].mean()-1),
                     dict(type='eq', fun=lambda x: (x[n:]*np.cos(2*x[:n])).mean()-c)])
    angles,w = slsqp_config(kappa, n)
    change = ((angles-start)**2).sum()+((n*w-1)**2).sum()
    assert change<=found.fun*(1+1e-5)
    turned = solve_focal_config(n, kappa,
                                method='maxent') # the change that leaves the angles alone is larger
    if not turned.adjusted: assert change<((n*turned.weights-1)**2).sum().item()


def test_slsqp_moves_the_angles_it_is_given():
    given = np.array([.2, 1., 2.5, 4.])
    angles,w = solve_focal_config(4, 2., given, 'slsqp')
    validate_focal_configuration(angles, w, 2.)
    assert 1e-3<(angles-torch.tensor(given)).abs().max()<.5 and (w>0).all()
    assert not torch.allclose(w, solve_focal_config(4, 2., given).weights, atol=1e-3)
    moved,_ = solve_focal_config(3, 2.5, [.5, .6, .7], 'slsqp') # fixed angles reach 1.41 to 3.35
    assert abs(kappa_of(*solve_focal_config(3, 5., [.5, .6, .7], 'slsqp'))-5)<1e-9
    with pytest.raises(ValueError, match='0.001 and <= 1000'): solve_focal_config(5, 1e4,
        method='slsqp')


@given(st.integers(3, 40), st.floats(-2, 2))
def test_least_norm_is_stationary(n, log):
    "Positive weights are linear in cos 2 theta, and the line is not above zero elsewhere"
    config = solve_focal_config(n, 10**log, method='least_norm')
    w,u = config.weights.numpy(),np.cos(2*config.angles.numpy())
    on = w>0
    line = np.polynomial.polynomial.polyfit(u[on], w[on], 1) if np.ptp(u[on])>1e-9 else None
    if line is not None: assert np.abs(w-np.maximum(0, line[0]+line[1]*u)).max()<1e-8


@given(st.lists(st.floats(0, 6.28), min_size=3, max_size=12, unique=True), st.floats(.05, .95))
def test_given_angles_reach_exactly_their_interval(angles, at):
    angles = np.sort(angles)
    if (np.diff(angles)<1e-3).any(): return
    low,high = feasible_kappa(angles)
    low,high = max(low, 1e-3),min(high, 1e3)
    if high<low*1.01: return
    k = low**(1-at)*high**at
    for method in EXACT: validate_focal_configuration(*solve_focal_config(len(angles), k, angles,
        method), k, tol=1e-9)
    for outside in (low/2, high*2):
        if outside<feasible_kappa(angles)[0] or outside>feasible_kappa(angles)[1]:
            with pytest.raises(ValueError,
                               match='their interval is'): solve_focal_config(len(angles), outside,
                                   angles)


@given(st.integers(3, 20), st.floats(-1, 1))
def test_methods_are_what_they_say(n, log):
    k = 10**log
    w = {m: solve_focal_config(n, k, method=m).weights for m in EXACT}
    def entropy(p): return torch.special.entr(p).sum().item()
    def norm(p): return p.square().sum().item()
    assert entropy(w['maxent'])>=max(map(entropy, w.values()))-1e-9
    assert norm(w['least_norm'])<=min(map(norm, w.values()))+1e-9
    assert (w['sparse']>0).sum()<=2


@pytest.mark.parametrize('n', [3, 7, 12])
def test_gradient_is_the_difference_quotient(n):
    for k in (.05, .4, 1., 9.):
        kappa,h = torch.tensor(k, dtype=torch.float64, requires_grad=True),1e-6
        weights = solve_focal_config(n, kappa).weights
        for i in (0, n-1):
            slope = (solve_focal_config(n, k+h).weights[i]-solve_focal_config(n,
                k-h).weights[i])/(2*h)
            assert_close(torch.autograd.grad(weights[i], kappa, retain_graph=True)[0], slope,
                         atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize('n, kappa, message',
                         [(0, 1., 'n_foci'), (-1, 1., 'n_foci'), (2.5, 1., 'n_foci'),
                          (3, 0., 'positive and finite'), (3, -1., 'positive and finite'),
    (3, math.nan, 'positive and finite'), (3, math.inf, 'positive and finite'),
    (3, [[1.]], 'number or a vector'), (3, [], 'number or a vector')])
def test_bad_input_is_named(n, kappa, message):
    with pytest.raises(ValueError, match=message): solve_focal_config(n, kappa)


@pytest.mark.parametrize('angles, message',
                         [([0., 2., 1.], 'sorted'), ([0., 1., 1.], 'distinct'),
                          ([0., math.nan, 1.], 'finite'), ([-1., 0., 1.], r'\[0, 2 pi\)'),
                          ([], 'non-empty'), ([0., 1.], '2 angles for 3')])
def test_bad_angles_are_named(angles, message):
    with pytest.raises(ValueError, match=message): solve_focal_config(3, 1., angles)


def test_kappa_of_is_the_ratio_of_moments():
    assert kappa_of([0.], [1.])==math.inf and abs(kappa_of([math.pi/2],
                                                           [1.])-3.749399456654644e-33)<1e-40
    A = torch.linspace(0, 3, 12).reshape(3, 4)
    assert kappa_of(A, torch.full((3, 4), .25)).shape==(3,)
    with pytest.raises(ValueError, match='3 angles but 2 weights'): kappa_of([0., 1., 2.], [.5, .5])


def test_batches_equal_loops():
    ks = np.geomspace(1e-20, 1e20, 41)
    for n in (3, 8, 100):
        for m in EXACT: assert_close(solve_focal_config(n, ks, method=m).weights,
                                     torch.stack([solve_focal_config(n, k, method=m).weights
                                                  for k in ks]), atol=1e-12, rtol=1e-9)
