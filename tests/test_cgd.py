"The kernel classifier: its equations, its methods, odd points and odd labels"
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from numpy.testing import assert_allclose

from geofractal_nb import cgd
from geofractal_nb.cgd import METHODS, fit_cgd, mixed_kernel
from geofractal_nb.core import generator
from geofractal_nb.data.polylipse import sample_points
from geofractal_nb.geometry.foci import solve_focal_config
from geofractal_nb.plots.cgd import explore_cgd, plot_cgd, plot_cgd_polylipse

ALL = METHODS[1:]
widths = st.floats(.05, 3)


def blobs(n, C=3, d=2, seed=0):
    "Points around C places, in d dimensions, with every class"
    g = generator(seed, 'test cgd')
    y = torch.arange(n)%C
    X = torch.randn(n, d, generator=g, dtype=torch.float64)
    return (X+2*torch.randn(C, d, generator=g, dtype=torch.float64)[y]).numpy(),y.numpy()


def naive(X, y, Q, sigma, t, w, eta):
    "Scores by definition, entry by entry of the formula"
    def S(A):
        d2 = ((A[:,None]-X[None])**2).sum(-1)
        G,P = np.exp(-d2/(2*sigma**2)),1/(d2+t**2)
        return w*G/G.sum(1, keepdims=True)+(1-w)*P/P.sum(1, keepdims=True)
    K,Y = S(X),np.where(y[:,None]==np.unique(y), 1., -1.)
    return S(Q)@np.linalg.solve(K.T@K+eta*np.eye(len(X)), K.T@Y)


def true_residual(X, y, c):
    "Relative residual of the normal equations, with S computed anew"
    S = mixed_kernel(X, X, c.sigma, c.t, c.w)
    B = S.T@np.where(np.asarray(y)[:,None]==c.classes, 1., -1.)
    R = B-S.T@(S@c.F)-c.eta*c.F
    return (np.linalg.norm(R, axis=0)/np.linalg.norm(B, axis=0)).max()


@pytest.mark.parametrize('method', ALL)
@settings(max_examples=15)
@given(n=st.integers(6, 90), d=st.integers(1, 4), seed=st.integers(0, 99), sigma=widths, t=widths,
       w=st.floats(0, 1), log_eta=st.floats(-4, 1))
def test_every_method_solves_the_equations(method, n, d, seed, sigma, t, w, log_eta):
    X,y = blobs(n, d=d, seed=seed)
    c = fit_cgd(X, y, sigma, t, w, 10**log_eta, method)
    assert c.method==method and c.residual<=1e-8 and true_residual(X, y, c)<=2e-8
    Q = X[:5]+.1
    assert_allclose(c.scores(Q), naive(X, y, Q, sigma, t, w, 10**log_eta), atol=1e-6)


@pytest.mark.parametrize('sigma, t', [(.5, .5), (.1, .3), (2., 1.), (1e-3, 1.), (1., 1e-3)])
@pytest.mark.parametrize('n', [300, 900])
def test_methods_agree(sigma, t, n):
    points,y = sample_points(*solve_focal_config(8, 1.5), (n,), generator(1, 'agree'))
    some = points[::9]
    scores = [fit_cgd(points, y, sigma, t, method=m).scores(some) for m in ALL]
    for s in scores[1:]: assert_allclose(s, scores[0], atol=1e-6)


def test_the_plane_is_used_and_right(monkeypatch):
    points,y = (a.numpy() for a in sample_points(*solve_focal_config(8, 1.5), (3000,),
                                                 generator(2, 'plane')))
    Y = np.where(y[:,None]==np.arange(8), 1., -1.)
    dense = fit_cgd(points, y, .6, .6, method='cg')
    monkeypatch.setattr(cgd, '_exact_sums', None) # blocks would fail
    c = fit_cgd(points, y, .6, .6, method='matrix-free')
    assert_allclose(c.scores(points[::30]), dense.scores(points[::30]), atol=1e-6)
    assert true_residual(points, y, c)<=1e-8
    op = cgd._matrix_free(points, Y, .6, .6, .5)
    S = mixed_kernel(points, points, .6, .6)
    assert_allclose(op.forward(Y), S@Y, atol=1e-9)
    assert_allclose(op.adjoint(Y), S.T@Y, atol=1e-8)


def test_a_wrong_grid_is_not_trusted(monkeypatch):
    points,y = (a.numpy() for a in sample_points(*solve_focal_config(3, 1.5), (1500,),
                                                 generator(3, 'plane')))
    monkeypatch.setattr(cgd, 'STEP_T', 2.) # far too coarse
    monkeypatch.setattr(cgd, 'STEP_SIGMA', 2.)
    c = fit_cgd(points, y, method='matrix-free')
    assert true_residual(points, y, c)<=1e-8


@given(st.integers(0, 99), st.sampled_from(ALL))
def test_order_of_points_does_not_matter(seed, method):
    X,y = blobs(60, seed=seed)
    order = torch.randperm(60, generator=generator(seed, 'order')).numpy()
    a,b = fit_cgd(X, y, method=method),fit_cgd(X[order], y[order], method=method)
    assert_allclose(a.scores(X), b.scores(X), atol=1e-7)
    assert_allclose(a.F[order], b.F, atol=1e-6)


@given(st.integers(-60, 60), st.sampled_from(ALL))
def test_units_do_not_matter(power, method):
    X,y = blobs(50, seed=4)
    s = 2.**power
    a,b = fit_cgd(X, y, method=method),fit_cgd(s*X, y, .5*s, .5*s, method=method)
    assert_allclose(a.scores(X), b.scores(s*X), atol=1e-9)


@pytest.mark.parametrize('method', ALL)
@pytest.mark.parametrize('scale', [1e-90, 1e-8, 1e8, 1e99])
def test_huge_and_tiny_coordinates(method, scale):
    X,y = blobs(40, seed=5)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        c = fit_cgd(scale*X/np.abs(X).max(), y, method=method)
        x = scale*np.linspace(-1, 1, 7)
        assert np.isfinite(c.scores_on_grid(x, x)).all() and np.isfinite(c.F).all()
    if scale>1: assert (c.predict(c.points)==y).mean()>.95 # everyone is alone


def test_far_from_the_origin():
    X,y = blobs(50, seed=6)
    Z = np.round(X*64)/64
    a,b = fit_cgd(Z, y),fit_cgd(Z+2**30, y)
    assert_allclose(a.scores(Z), b.scores(Z+2**30), atol=1e-12)


@pytest.mark.parametrize('method', ALL)
def test_coinciding_points(method):
    X,y = blobs(60, seed=7)
    twice = fit_cgd(np.concatenate([X, X]), np.concatenate([y, y]), method=method)
    assert twice.residual<=1e-8
    same = fit_cgd(np.ones((30, 2)), np.arange(30)%3, method=method) # S is rank one
    assert same.residual<=1e-8
    assert_allclose(same.scores([[0., 0.]]), np.full((1, 3), -1/3/1.01)) # the mean label, shrunk


@pytest.mark.parametrize('method', ALL)
@pytest.mark.parametrize('eta', [1e-6, 1e-10, 1e-14, 1e-18, 1e-300])
def test_a_tiny_ridge_is_right_or_says_so(method, eta):
    X,y = blobs(120, seed=8)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('always')
        c = fit_cgd(X, y, eta=eta, method=method)
    wrong = true_residual(X, y, c)
    told = [str(w.message) for w in said if 'not converged' in str(w.message)]
    assert np.isfinite(c.F).all()
    assert told or wrong<=2e-8
    assert not told or f'{c.residual:.1e}' in told[0]


def test_too_few_iterations_warn():
    X,y = blobs(200, seed=9)
    with pytest.warns(UserWarning, match='relative residual .* after 1 iterations'):
        assert fit_cgd(X, y, method='cg', max_iter=1).residual>1e-8


@pytest.mark.parametrize('names', [[3, 7, -2], [2**60, 2**60+1, 5], ['a', 'b', 'c'],
                                   ['ä', 'Z', 'long name'], [0., 1., 5.]])
@pytest.mark.parametrize('kind', [list, np.array, tuple])
def test_labels_of_any_kind(names, kind):
    X,y = blobs(60, seed=10)
    plain = fit_cgd(X, y)
    c = fit_cgd(X, kind([names[i] for i in y]))
    order = np.argsort(np.array(names))
    assert c.classes.tolist()==[names[i] for i in order]
    assert_allclose(c.scores(X), plain.scores(X)[:,order], atol=1e-12)
    assert c.predict(X).tolist()==[names[i] for i in plain.predict(X)]


@pytest.mark.parametrize('dtype', [np.int8, np.uint8, np.int64, np.uint64, '>i4', bool])
def test_labels_of_any_integer_type(dtype):
    X,y = blobs(40, C=2, seed=11)
    c,plain = fit_cgd(X, y.astype(dtype)),fit_cgd(X, torch.from_numpy(y))
    assert (c.predict(X)==plain.predict(X)).all() and c.classes.dtype==np.dtype(dtype)


@settings(max_examples=15)
@given(st.floats(-2, .3), st.floats(-2, .3), st.floats(0, 1), st.integers(0, 99))
def test_a_grid_is_its_places(log_sigma, log_t, w, seed):
    X,y = blobs(80, seed=seed)
    c = fit_cgd(X, y, 10**log_sigma, 10**log_t, w)
    x,y = np.linspace(-9, 7, 31),np.linspace(-3, 30, 23)
    places = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
    got = c.scores_on_grid(x, y)
    assert got.shape==(3, 23, 31)
    scale = max(1., np.abs(c.F).max())
    assert_allclose(got.reshape(3, -1).T, c.scores(places), atol=1e-8*scale)


def test_two_classes_mirror_each_other():
    X,y = blobs(70, C=2, seed=12)
    F = fit_cgd(X, y).F
    assert_allclose(F[:,0], -F[:,1], atol=1e-12)


@pytest.mark.parametrize('n_foci', [1, 2, 3, 32])
def test_polylipse_figure(n_foci, tmp_path):
    import matplotlib.pyplot as plt
    fig,F,info = plot_cgd_polylipse(n_foci, 1.5, save_path=tmp_path/'a'/'cgd.png', size=40)
    assert F.shape==(800, max(2, len(np.unique(info['labels'])))) and info['residual']<=1e-8
    assert (tmp_path/'a'/'cgd.png').read_bytes()[:4]==b'\x89PNG'
    assert fig.axes[0].get_title() and len(info['foci'])==n_foci
    plt.close('all')


def test_figure_keeps_labels_and_axes():
    import matplotlib.pyplot as plt
    X,y = blobs(60, seed=13)
    words = np.array(['up', 'down', 'left'])[y]
    axes = plt.subplots(1, 2)[1]
    fig = plot_cgd(torch.from_numpy(X), words, foci=torch.zeros(1, 2), size=30, axes=axes,
                   positive='up')
    assert fig is axes[0].figure and 'class up' in axes[0].get_title()
    plt.close('all')


def test_widget_follows_every_control():
    box = explore_cgd(n_samples=60, size=20)
    for name,control in box.controls.items():
        before = box.image.value
        control.value = {'n_foci': 3, 'w': .1}.get(name, control.value*3)
        assert box.image.value!=before and not box.message.value, name
