"Stairs, simplices, foci, anisotropy, polylipses, interactive figures"
import math

import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator

NAN,INF = math.nan,math.inf
BAD_NUMBERS = (0, -1., NAN, INF, 10**400, '1', None, True, [1.], 1j)
half = lambda *shape: np.ones(shape, np.float16)
V = np.array([[0, 0], [3, 0], [0, 4]], np.float64)
POINTS = np.array([[2., 1.], [-2., 1.], [2., -1.]])
SMALL = dict(n_foci=3, observed_kappa=1., n_samples=2, seq_len=3, d_model=4)


def each(symbol, call, values, *words): return [refused(symbol, lambda f, v=v: call(f, v), *words) for v in values]
def agree(symbol, call, values, answer): return [right(symbol, lambda f, v=v: call(f, v), answer) for v in values]


def forms(a): # the same numbers in unusual types and layouts
    a = np.asarray(a, np.float64)
    wide = np.zeros((*a.shape[:-1], 2*a.shape[-1]))
    wide[..., ::2] = a
    return (a.tolist(), a, a.astype('>f8'), a.astype(np.float32), a.astype(np.longdouble), wide[..., ::2],
            torch.from_numpy(a), torch.from_numpy(wide)[..., ::2], torch.tensor(a, requires_grad=True))


def finite(t): return all(bool(torch.as_tensor(x).isfinite().all()) for x in t[:1])


INTERACT = [
    *each('interact.new_axes', lambda f, v: f(v), ('left', 3, [1]), 'ax must be matplotlib Axes'),
    *each('interact.new_axes', lambda f, v: f(figsize=v), (3, (1, 2, 3), (0, 1), (NAN, 1), 'ab', (1, 10**6)), 'figsize'),
    *each('interact.new_axes', lambda f, v: f(dpi=v), BAD_NUMBERS, 'dpi'),
    right('interact.new_axes', lambda f: f(figsize=np.array([2, 1]).tolist(), dpi=np.int64(50)).name, 'rectilinear'),
    refused('interact.explore', lambda f: f('plot'), 'draw must be a function'),
    refused('interact.explore', lambda f: f(print, k=3), 'k must be an ipywidgets control', '3'),
    right('interact.explore', lambda f: f(refuse_markup).children[0].value, 'k &lt; 1 &amp; &lt;b&gt;x&lt;/b&gt;'),
]


def refuse_markup(): raise ValueError('k < 1 & <b>x</b>')


CANTOR = [
    *each('geometry.cantor.cantor_function', lambda f, v: f(v), ([.2, 1.1], -1e-9, [NAN], INF, 'x', None, [[.1], [.2, .3]], 1j, True), 'x '),
    *each('geometry.cantor.cantor_function', lambda f, v: f(.5, v), (0, -1, 65, 10**9, 2.5, NAN, '3', None), 'levels must be an integer >= 1 and <= 64'),
    *agree('geometry.cantor.cantor_function', lambda f, v: f(v), forms([.25, .5, .75]), torch.tensor([1/3, .5, 2/3])),
    right('geometry.cantor.cantor_function', lambda f: f(np.float16(.25)).item(), 1/3),
    right('geometry.cantor.cantor_function', lambda f: f([]).numel(), 0),
    right('geometry.cantor.cantor_function', lambda f: f([0, 1]), torch.tensor([0., 1.])),
    *each('geometry.cantor.soft_stairs', lambda f, v: f(v), ([.2, 1.1], -1e-9, [NAN], INF, 'x', None, 1j), 'x '),
    *each('geometry.cantor.soft_stairs', lambda f, v: f([.5], .5, v), BAD_NUMBERS, 'tau must be a finite number > 0'),
    *each('geometry.cantor.soft_stairs', lambda f, v: f([.5], .5, .25, v), (0, -1, 65, 2.5, NAN, '3'), 'levels must be an integer >= 1'),
    *each('geometry.cantor.soft_stairs', lambda f, v: f([.5], v), (NAN, INF, 'a', None, [1.], torch.ones(2)), 'alpha must be a finite number'),
    *agree('geometry.cantor.soft_stairs', lambda f, v: f(v, tau=1e-300)[0], forms([.25, .5, .75]), lambda y: (y-torch.tensor([1/3, .5, 2/3])).abs().max()<2**-5),
    right('geometry.cantor.soft_stairs', lambda f: f(half(2)*np.float16(.5), torch.tensor(.5), np.float32(1e-9), np.int8(2))[0], torch.tensor([.5, .5])),
    right('geometry.cantor.soft_stairs', lambda f: f(torch.tensor([.3]), tau=1e300)[1], torch.full((1, 5, 3), 1/3)),
    *each('geometry.cantor.soft_digits', lambda f, v: f(v, .1), ([3.1], -.1, [NAN], 'y', None), 'y '),
    *each('geometry.cantor.soft_digits', lambda f, v: f([.5], v), BAD_NUMBERS, 'tau must be a finite number > 0'),
    *each('geometry.cantor.soft_digits', lambda f, v: f([.5], .1, v), ([1., 2.], [NAN]*3, 'abc'), 'centers '),
    *agree('geometry.cantor.soft_digits', lambda f, v: f(v, np.float16(.01)), forms([.5, 2.5]), torch.tensor([[1., 0, 0], [0, 0, 1]])),
    *each('geometry.cantor.rms_normalize', lambda f, v: f(v), (1., 'x', None, [[1.], [1., 2.]], 1j), 'features'),
    *agree('geometry.cantor.rms_normalize', lambda f, v: f(v), (half(2, 3), 1e300*np.ones((2, 3)), 1e-300*np.ones((2, 3)), torch.full((2, 3), 1e38), torch.full((2, 3), 1e-38),
        np.ones((2, 3), np.int64), np.ones((3, 2)).T, np.ones((2, 6))[:, ::-2], [[1e-14]*3]*2), torch.ones(2, 3)),
    right('geometry.cantor.rms_normalize', lambda f: f(torch.zeros(2, 3)), torch.zeros(2, 3)),
    right('geometry.cantor.rms_normalize', lambda f: f([[NAN, 1.], [1., 1.]]).isnan().any(1).tolist(), [True, False]),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(v), (0, -1, 2.5, NAN, '4', None, 10**400), 'feature_dim must be an integer >= 1'),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(4, alpha_init=v), (NAN, INF, 10**400, '1', None, 1e300), 'alpha_init'),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(4, tau=v), BAD_NUMBERS, 'tau must be a finite number > 0'),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(4, levels=v), (0, 65, 2.5, NAN), 'levels'),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(4, reference=v), (1, 'no', None), 'reference must be True or False'),
    *each('geometry.cantor.CantorStairs', lambda f, v: f(4)(v), (np.ones((2, 3)), np.ones(4), np.ones((1, 2, 4)), 'x', None), 'features'),
    *agree('geometry.cantor.CantorStairs', lambda f, v: f(np.int64(4))(v)[0], (half(2, 4), 1e300*np.ones((2, 4)), [[1e-30]*4]*2, torch.full((2, 4), 1e30)),
        lambda y: y.dtype==torch.float32 and torch.equal(y, __import__('geofractal_nb.geometry.cantor').geometry.cantor.CantorStairs(4)(torch.ones(2, 4))[0])),
    right('geometry.cantor.CantorStairs', lambda f: f(4, reference=True)(1e300*np.ones((1, 4)))[0].isfinite().all(), True),
    *each('geometry.cantor.plot_cantor', lambda f, v: f(**v), (dict(tau=0), dict(alpha=NAN), dict(levels=0), dict(ax='here')), 'must be'),
    right('geometry.cantor.plot_cantor', lambda f: len(f(np.float16(.5), torch.tensor(.25), np.int8(3)).lines), 2),
    right('geometry.cantor.explore_cantor', lambda f: len(f().children), 5),
]

NOT_VERTICES = ([[1., NAN], [0., 1.]], [[INF, 0.], [0., 1.]], 'ab', None, [1., 2.], [[1., 2.]], np.ones((0, 2)), np.ones((3, 0)), [[1.], [1., 2.]], np.ones((2, 2), complex))
SIMPLEX = [
    *(r for s in ('helmert_basis', 'regular_simplex') for r in each(f'geometry.simplex.{s}', lambda f, v: f(v), (0, -1, 2.5, NAN, 10**9, '3', None), 'k must be an integer >= 1')),
    right('geometry.simplex.helmert_basis', lambda f: f(np.int8(2)).shape, (2, 3)),
    right('geometry.simplex.regular_simplex', lambda f: f(torch.tensor(1)), torch.tensor([[1.], [-1.]])),
    *each('geometry.simplex.class_anchors', lambda f, v: f(v, 4), (0, -1, 2.5, NAN, '3', None), 'num_classes must be an integer >= 1'),
    *each('geometry.simplex.class_anchors', lambda f, v: f(3, v), (0, 2.5, None), 'width must be an integer >= 1'),
    refused('geometry.simplex.class_anchors', lambda f: f(10**9, 10**9), 'fewer classes'),
    *each('geometry.simplex.class_anchors', lambda f, v: f(3, 4, v), (7, 'seed'), 'gen must be a torch.Generator or None'),
    right('geometry.simplex.class_anchors', lambda f: torch.equal(f(3, 4), f(np.int64(3), np.int64(4))), True),
    *each('geometry.simplex.make_simplices', lambda f, v: f(v, 1), (np.ones(3), [[NAN, 1.]], 'x', None, np.ones((1, 2, 3))), 'anchors'),
    *each('geometry.simplex.make_simplices', lambda f, v: f(np.ones((2, 4)), v), (0, -1, 2.5, NAN, '3', None, 10**9), 'k must be an integer >= 1'),
    refused('geometry.simplex.make_simplices', lambda f: f(np.ones((2, 4)), 5), 'at least 5 dimensions', 'width 4'),
    *each('geometry.simplex.make_simplices', lambda f, v: f(np.ones((2, 4)), 2, v), BAD_NUMBERS, 'radius must be a finite number > 0'),
    *each('geometry.simplex.make_simplices', lambda f, v: f(np.ones((2, 4)), 2, .1, v), ('round', None, 1), "one of ('regular', 'random')"),
    *each('geometry.simplex.make_simplices', lambda f, v: f(np.ones((2, 4)), 2, gen=v), (7, 'seed'), 'gen must be a torch.Generator or None'),
    refused('geometry.simplex.make_simplices', lambda f: f(torch.ones(2, 4), 2, 1e300), 'beyond float32'),
    *agree('geometry.simplex.make_simplices', lambda f, v: f(v, np.int64(2), np.float16(.25)).mean(1).float(), forms(np.eye(3, 4)), torch.eye(3, 4)),
    right('geometry.simplex.make_simplices', lambda f: torch.equal(f(half(2, 4), 2), f(np.ones((2, 4), np.float32), 2, gen=None)), True),
    *(r for s in ('edge_lengths', 'simplex_volume', 'simplex_quality', 'is_degenerate', 'plot_simplex') for r in each(f'geometry.simplex.{s}', lambda f, v: f(v), NOT_VERTICES, 'vertices')),
    *each('geometry.simplex.squared_edges', lambda f, v: f(v), [*NOT_VERTICES[:5], *NOT_VERTICES[6:]], 'vertices'),
    *agree('geometry.simplex.squared_edges', lambda f, v: f(v)[0], forms(V), torch.tensor([0., 9, 16])),
    *agree('geometry.simplex.edge_lengths', lambda f, v: f(v), forms(V), torch.tensor([3., 4, 5])),
    right('geometry.simplex.edge_lengths', lambda f: f(np.float32(1e30)*V.astype(np.float32)), torch.tensor([3e30, 4e30, 5e30])),
    *agree('geometry.simplex.simplex_volume', lambda f, v: f(v), (*forms(V), V.astype(np.float16), V.astype(np.int8)), 6.),
    right('geometry.simplex.simplex_volume', lambda f: (f(1e20*V)/6e40).item(), 1.),
    right('geometry.simplex.simplex_volume', lambda f: (f(1e-20*V)/6e-40).item(), 1.),
    right('geometry.simplex.simplex_volume', lambda f: f(np.ones((2, 3, 2))).tolist(), [0, 0]),
    *agree('geometry.simplex.simplex_quality', lambda f, s: f(s*np.array([[1., 0], [-.5, .75**.5], [-.5, -.75**.5]])), (1e-200, 1e-20, 1, 1e20, 1e200), 1.),
    *agree('geometry.simplex.is_degenerate', lambda f, s: f(s*np.stack([V, np.ones((3, 2)), [[0, 0], [1, 1], [2, 2]]])).tolist(), (1e-20, 1, 1e20), [False, True, True]),
    *each('geometry.simplex.is_degenerate', lambda f, v: f(V, v), (-1, 2, NAN, 'a', None), 'tol'),
    *each('geometry.simplex.plot_simplex', lambda f, v: f(V, v), (1, 4, 2.5, None), 'dims must be an integer >= 2 and <= 3'),
    refused('geometry.simplex.plot_simplex', lambda f: f(np.ones((2, 3, 2))), 'one simplex'),
    right('geometry.simplex.plot_simplex', lambda f: f(torch.tensor(V, requires_grad=True), np.int64(3)).name, '3d'),
    right('geometry.simplex.explore_simplex', lambda f: len(f().children), 6),
]

BAD_ANGLES = ([0., 2., 1.], [0., 1., 1.], [0., NAN, 1.], [-1., 0., 1.], [], 'abc', None, [[0., 1.]], 1., [0., 7.], [0., INF])
BAD_KAPPA = (0, -1., NAN, INF, 1e30, 1e-30, 'a', None, [[1.]], [], [1., NAN], 1j, True, 10**400)
SQUARE = [0., np.pi/2]
FOCI = [
    *each('geometry.foci.equispaced_angles', lambda f, v: f(v), (0, -1, 2.5, NAN, 10**9, '3', None), 'n_foci must be an integer >= 1'),
    right('geometry.foci.equispaced_angles', lambda f: f(np.int8(2)).tolist(), [0, np.pi]),
    *(r for s in ('check_angles', 'feasible_kappa') for r in each(f'geometry.foci.{s}', lambda f, v: f(v), BAD_ANGLES, 'angles ')),
    *agree('geometry.foci.check_angles', lambda f, v: torch.tensor(f(v)), forms([0., .5, 1.]), torch.tensor([0., .5, 1.])),
    *agree('geometry.foci.feasible_kappa', lambda f, v: f(v)[1], forms([np.pi/4, 1.]), 1.),
    right('geometry.foci.feasible_kappa', lambda f: f([0., np.pi/2]), (0, INF)),
    *(r for s in ('moments', 'kappa_of') for r in [
        *each(f'geometry.foci.{s}', lambda f, v: f(v, [.5, .5]), ([0., NAN], 'ab', None, 1., [0., 1., 2.], [0., INF]), 'angles'),
        *each(f'geometry.foci.{s}', lambda f, v: f(SQUARE, v), ([.5, NAN], 'ab', None, 1., [1.]), 'weights')]),
    refused('geometry.foci.kappa_of', lambda f: f(SQUARE, [0., 0.]), 'positive sum'),
    *agree('geometry.foci.moments', lambda f, v: f(SQUARE, v)[0], forms([.75, .25]), .75),
    *agree('geometry.foci.kappa_of', lambda f, v: f(SQUARE, v), (*forms([.75, .25]), np.array([.75, .25], np.float16), [3, 1], [[.75, .25]]), lambda k: abs(k.item()-3)<1e-9),
    *(r for s in ('tilt', 'least_norm_weights', 'sparse_weights') for r in [
        *each(f'geometry.foci.{s}', lambda f, v: f(v, SQUARE), BAD_KAPPA, 'kappa'), *each(f'geometry.foci.{s}', lambda f, v: f([1.], v), BAD_ANGLES, 'angles ')]),
    *agree('geometry.foci.tilt', lambda f, v: torch.tensor(f(v, SQUARE)[0]), (*forms([1., 4.]), np.array([1, 4], np.int8)), torch.tensor([0., math.log(2)])),
    *each('geometry.foci.tilt', lambda f, v: f([1.], SQUARE, v), (0, 2.5, None), 'steps must be an integer >= 1'),
    *(r for s in ('least_norm_weights', 'sparse_weights') for r in agree(f'geometry.foci.{s}', lambda f, v: torch.tensor(f(v, SQUARE)), (*forms([1., 3.]), np.array([1, 3], np.float16)), torch.tensor([[.5, .5], [.75, .25]]))),
    *each('geometry.foci.slsqp_config', lambda f, v: f(v, 3), (0, -1., NAN, INF, 1e4, 1e-4, 'a', None), 'kappa must be a finite number >= 0.001'),
    *each('geometry.foci.slsqp_config', lambda f, v: f(2., v), (0, 2.5, None, 10**9), 'n_foci must be an integer >= 1'),
    *each('geometry.foci.slsqp_config', lambda f, v: f(2., 3, v), (*BAD_ANGLES[:4], [0., 1.]), 'angles'),
    right('geometry.foci.slsqp_config', lambda f: np.abs(f(np.float32(1), np.int64(3))[1]-1/3).max()<1e-12, True),
    *each('geometry.foci.reference_weights', lambda f, v: f(v, SQUARE), BAD_KAPPA[:8], 'kappa'),
    *each('geometry.foci.reference_weights', lambda f, v: f(1., v), BAD_ANGLES, 'angles '),
    refused('geometry.foci.reference_weights', lambda f: f(1., np.linspace(0, 6, 10**5)), 'at most 4096 foci'),
    right('geometry.foci.reference_weights', lambda f: torch.tensor(f(torch.tensor(3.), SQUARE)), torch.tensor([.75, .25])),
    right('geometry.foci.FocalConfig', lambda f: f(1, 2, False).adjusted, False),
    *each('geometry.foci.solve_focal_config', lambda f, v: f(v, 1.), (0, -2, 1.5, NAN, 10**9, '3', None, True), 'n_foci must be an integer >= 1'),
    *(r for m in ('maxent', 'least_norm', 'sparse', 'slsqp', 'reference') for r in each('geometry.foci.solve_focal_config', lambda f, v, m=m: f(3, v, method=m), BAD_KAPPA, 'kappa')),
    *(r for m in ('maxent', 'least_norm', 'sparse', 'slsqp', 'reference') for r in each('geometry.foci.solve_focal_config', lambda f, v, m=m: f(3, 1., v, m), [*BAD_ANGLES[:6], [0., 1.]], 'angles')),
    *each('geometry.foci.solve_focal_config', lambda f, v: f(3, 1., method=v), ('newton', None, 0), 'method must be one of'),
    refused('geometry.foci.solve_focal_config', lambda f: f(3, .2, [0., 2., 4.]), 'their interval is ['),
    refused('geometry.foci.solve_focal_config', lambda f: f(10**6, np.ones(1000)), 'ask for fewer'),
    *each('geometry.foci.solve_focal_config', lambda f, v: f(*v), ((1, 1e-15), (2, 1e15), (2, 1e-15)), 'turned foci', 'kappa must lie in ['),
    *agree('geometry.foci.solve_focal_config', lambda f, v: f(np.int64(2), v, SQUARE).weights.detach(), (*forms([1., 3.]), np.array([1, 3], np.float16), [1, 3]), torch.tensor([[.5, .5], [.75, .25]])),
    right('geometry.foci.solve_focal_config', lambda f: f(3, np.float16(1)).weights, torch.full((3,), 1/3)),
    *each('geometry.foci.validate_focal_configuration', lambda f, v: f(v, [.5, .5]), ([0.], [0., NAN], 'ab', None, [[0., 1.]], []), 'angles'),
    *each('geometry.foci.validate_focal_configuration', lambda f, v: f(SQUARE, v), ([.5, .6], [-.5, 1.5], [1.], [NAN, 1.], None), 'weights'),
    *each('geometry.foci.validate_focal_configuration', lambda f, v: f(SQUARE, [.75, .25], v), (2., 0, NAN, 'a', [3.]), 'kappa'),
    *agree('geometry.foci.validate_focal_configuration', lambda f, v: f(SQUARE, v, np.float32(3), 1e-9)['kappa'], forms([.75, .25]), 3.),
    *each('geometry.foci.plot_foci', lambda f, v: f(SQUARE, v), ([1.], [NAN, 1.], 'ab', [-1., 2.]), 'weights'),
    right('geometry.foci.plot_foci', lambda f: f(SQUARE, np.array([.75, .25], np.float16)).get_title(), r'$\kappa$=3'),
    right('geometry.foci.explore_foci', lambda f: len(f().children), 5),
]

NO_MASK = ([True], [[True]*3], 'abc', [.5]*3, {1}, None)
KAPPA = [
    *each('geometry.kappa.zeta_curvature', lambda f, v: f(v), (0, -1, 1, 1., NAN, INF, 1e300, 'a', None), 's must'),
    *each('geometry.kappa.zeta_curvature', lambda f, v: f(.5, v), (0, 9, 101, 10**9, 2.5, None), 'terms must be an integer >= 10 and <= 100'),
    right('geometry.kappa.zeta_curvature', lambda f: f(np.float64(.5), np.int8(40)), 3.746877697604060),
    right('geometry.kappa.zeta_curvature', lambda f: math.isfinite(f(100)), True),
    *each('geometry.kappa.moment_kappa', lambda f, v: f(v), ([[1., NAN]], [[INF, 1.]], np.ones((3, 3)), 1., 'ab', None, [[1., 2.], [3.]], np.ones((0, 2)), np.ones((2, 2), complex)), 'point'),
    *each('geometry.kappa.moment_kappa', lambda f, v: f(POINTS, v), [*NO_MASK[:5], [False]*3], 'mask'),
    *each('geometry.kappa.moment_kappa', lambda f, v: f(POINTS, batch_dims=v), (-1, 2, 1.5, None), 'batch_dims must be an integer'),
    *agree('geometry.kappa.moment_kappa', lambda f, v: f(v).detach(), (*forms(POINTS), *(s*POINTS for s in (1e-300, 1e-30, 1e20, 1e300)), *((np.float32(s)*POINTS).astype(np.float32) for s in (1e-38, 1e-30, 1e20, 1e38)),
        POINTS.astype(np.float16), POINTS.astype(np.int64)), 4.),
    right('geometry.kappa.moment_kappa', lambda f: f([[1., 2.]]*3).item(), .25),
    right('geometry.kappa.moment_kappa', lambda f: f([[2., 1.], [NAN, NAN]], [True, False]).item(), 4.),
    right('geometry.kappa.moment_kappa', lambda f: f([[2., 1.], [3., 3.]], np.array([0, 1])[::-1]).item(), 4.),
    right('geometry.kappa.moment_kappa', lambda f: f(torch.tensor([[[2., 1.]], [[NAN, 1.]]]), batch_dims=1).isnan().tolist(), [False, True]),
    *each('geometry.kappa.decode_plane', lambda f, v: f(v, np.eye(2, 3)), ([[1., NAN, 0]], 'abc', None, 1.), 'f '),
    *each('geometry.kappa.decode_plane', lambda f, v: f(np.ones((4, 3)), v), (np.ones((2, 4)), np.ones((3, 2)), [[NAN]*3]*2, np.ones((2, 3)), np.zeros((2, 3)), None), 'embedding'),
    *agree('geometry.kappa.decode_plane', lambda f, v: f(v, 2*np.eye(2, 3)).detach().float(), forms([[2., 4., 9.]]), torch.tensor([[1., 2.]])),
    *agree('geometry.kappa.decode_plane', lambda f, s: f(s*np.ones((1, 3)), s*np.eye(2, 3)), (1e-30, 1e30), torch.ones(1, 2)),
    *each('geometry.kappa.pathway_kappa', lambda f, v: f(v, np.ones((2, 3))), ([[NAN]*3]*2, [[INF]*3]*2, 'abc', None, 1., np.ones((2, 4))), ''),
    *each('geometry.kappa.pathway_kappa', lambda f, v: f(np.ones((2, 3)), v), (np.ones((2, 4)), [[NAN]*3]*2, 'abc', None), 'sigma'),
    *each('geometry.kappa.pathway_kappa', lambda f, v: f(np.ones((3, 2)), np.ones((3, 2)), v), [*NO_MASK[:5], [False]*3], 'mask'),
    *each('geometry.kappa.pathway_kappa', lambda f, v: f(np.ones((2, 3)), np.ones((2, 3)), batch_dims=v), (-1, 2, None), 'batch_dims must be an integer'),
    *agree('geometry.kappa.pathway_kappa', lambda f, s: f(2*s*torch.ones(2, 3), s*torch.ones(2, 3)), (1e-38, 1e-20, 1., 1e20, 1e38), 4.),
    right('geometry.kappa.pathway_kappa', lambda f: f(half(2, 3)*2, np.ones((6, 2)).T[:, ::2]).item(), 4.),
    *(r for s in ('spectrum', 'spectral_kappa') for r in [
        *each(f'geometry.kappa.{s}', lambda f, v: f(v), (np.full((2, 3, 4), NAN), np.full((2, 3, 4), INF), np.ones((3, 4)), 'a', None, np.ones((0, 3, 4)), np.zeros((2, 3, 4)), np.full((2, 3, 4), 1e-20)), 'f'),
        *each(f'geometry.kappa.{s}', lambda f, v: f(np.ones((2, 3, 4)), v), (np.ones((2, 2), bool), np.array([[True]*3, [False]*3]), 'abc', np.ones((2, 3))), 'mask'),
        *each(f'geometry.kappa.{s}', lambda f, v: f(np.ones((2, 3, 4)), dtype=v), (torch.int64, torch.float16, 'float64', None), 'dtype must be torch.float32 or torch.float64')]),
    *agree('geometry.kappa.spectrum', lambda f, v: f(v)[-1].detach(), forms(np.ones((2, 3, 4))), 4.),
    *agree('geometry.kappa.spectrum', lambda f, s: (f(torch.full((2, 3, 4), s), dtype=torch.float32)/s**2)[-1].item(), (1e-4, 1e20, 1e30, 1e38), lambda v: abs(v-4)<1e-4),
    *agree('geometry.kappa.spectral_kappa', lambda f, s: f(s*np.eye(3)[None], baseline=np.float32(0)).abs().item()<1e-9, (1e-5, 1, 1e20, 1e150), True),
    refused('geometry.kappa.spectral_kappa', lambda f: f(1e300*np.eye(3)[None]), 'rescale f'),
    *each('geometry.kappa.spectral_kappa', lambda f, v: f(np.ones((2, 3, 4)), baseline=v), (NAN, INF, 'a', None), 'baseline must be a finite number'),
    *each('geometry.kappa.tilted_variance', lambda f, v: f(v), ([1., 0.], [1., -1.], [1., NAN], [1., INF], 'ab', None, 1., []), 'eigenvalues'),
    *each('geometry.kappa.tilted_variance', lambda f, v: f([1., 2.], v), (NAN, INF, 'a', None), 's must be'),
    *agree('geometry.kappa.tilted_variance', lambda f, v: f(v, 0).detach(), (*forms([1., 4.]), [1e-300, 4e-300], [1e300, 4e300], np.array([1, 4], np.float16)), math.log(2)**2),
    *each('geometry.kappa.KappaState', lambda f, v: f(v), (0, -1, 1.5, NAN, 'a', None), 'offset_rate must be a finite number > 0 and <= 1'),
    *each('geometry.kappa.KappaState', lambda f, v: f(.1, v), (0, -1, 1.5, NAN, 'a', None), 'local_rate must be a finite number > 0 and <= 1'),
    *each('geometry.kappa.KappaState', lambda f, v: f().update(v), (NAN, INF, np.float64(NAN), 'a', None, [1.]), 'kappa'),
    *each('geometry.kappa.KappaState', lambda f, v: f().load_state_dict(v), ({}, None, 3), 'offset and value'),
    right('geometry.kappa.KappaState', lambda f: f(np.float16(.5), 1).update(np.float32(3)), 0),
]

DATA = 'data.polylipse.make_polylipse_dataset'
def make(f, **more): return f(**{**SMALL, **more})


POLYLIPSE = [
    *each('data.polylipse.plane_embedding', lambda f, v: f(v), (2, 0, 2.5, NAN, 10**9, None), 'd_model must be an integer >= 3'),
    *each('data.polylipse.plane_embedding', lambda f, v: f(4, v), (-1, 1.5, 'a', None), 'seed must be an integer'),
    *each('data.polylipse.plane_embedding', lambda f, v: f(4, 0, v), (torch.int64, 'float32', None, np.float32, torch.cfloat), 'dtype must be a floating point type'),
    right('data.polylipse.plane_embedding', lambda f: f(np.int64(8), np.int32(1), torch.float16)[0].dtype, torch.float16),
    *each('data.polylipse.sample_points', lambda f, v: f(v, [.5, .5], (3,)), ([0.], [0., NAN], 'ab', None, [[0., 1.]]), 'angles'),
    *each('data.polylipse.sample_points', lambda f, v: f(SQUARE, v, (3,)), ([1., 1.], [-.5, 1.5], [1.], [NAN, 1.], None), 'weights'),
    *each('data.polylipse.sample_points', lambda f, v: f(SQUARE, [.5, .5], v), (3, (0,), (2.5,), ('a',), None), 'shape must be'),
    refused('data.polylipse.sample_points', lambda f: f(SQUARE, [.5, .5], (10**6, 10**6)), 'draw fewer'),
    *each('data.polylipse.sample_points', lambda f, v: f(SQUARE, [.5, .5], (3,), v), (7, 'seed'), 'gen must be a torch.Generator'),
    *each('data.polylipse.sample_points', lambda f, v: f(SQUARE, [.5, .5], (3,), noise=v), (-1, NAN, INF, 'a', None), 'noise must be a finite number >= 0'),
    right('data.polylipse.sample_points', lambda f: f(np.array(SQUARE, np.float32), half(2)/2, [2, np.int64(3)], generator(0))[0].shape, (2, 3, 2)),
    right('data.polylipse.sample_points', lambda f: f([0.], [1.], (4,), orbit_radius=0, orbit_std=0, noise=0)[0], torch.tensor([[2., 0]]*4)),
    *(r for n,word in (('n_foci', 'n_foci'), ('n_samples', 'n_samples'), ('seq_len', 'seq_len')) for r in each(DATA, lambda f, v, n=n: make(f, **{n: v}), (0, -1, 2.5, NAN, '3', None, 10**12), word)),
    *each(DATA, lambda f, v: make(f, observed_kappa=v), BAD_NUMBERS, 'kappa must be'),
    *(r for n in ('orbit_radius', 'orbit_std', 'noise', 'shift') for r in each(DATA, lambda f, v, n=n: make(f, **{n: v}), (-1, NAN, INF, 1e300, 'a', None), f'{n} must be a finite number >= 0')),
    *each(DATA, lambda f, v: make(f, focal_radius=v), BAD_NUMBERS, 'focal_radius must be a finite number'),
    *each(DATA, lambda f, v: make(f, d_model=v), (2, 2.5, NAN, None, 10**9), 'd_model'),
    *each(DATA, lambda f, v: make(f, task=v), ('colour', None, 0), 'task must be one of'),
    *each(DATA, lambda f, v: make(f, min_len=v), (-1, 4, 1.5, None), 'min_len must be an integer >= 0 and <= 3'),
    *each(DATA, lambda f, v: make(f, dtype=v), (torch.int64, torch.bool, 'float32', None, np.float32), 'dtype must be a floating point type'),
    *(r for n in ('seed', 'embedding_seed') for r in each(DATA, lambda f, v, n=n: make(f, **{n: v}), (-1, 1.5, 'a', None), 'seed must be an integer')),
    *each(DATA, lambda f, v: make(f, return_focal_info=v), (1, 'yes', None), 'return_focal_info must be True or False'),
    *each(DATA, lambda f, v: make(f, focal_config=v), (([0., 1., 2., 3., 4., 5., 6.], [1/7]*7), ([0., 1., 2.], [.5, .5]), ([0., 1., 2.], [-.5, .5, 1.]), ([0., 1., 2.], [1., 1., 1.]),
        ([0., NAN, 2.], [.5, .5, 0]), 3, 'ab', ([0., 1., 2.],)), ''),
    refused(DATA, lambda f: make(f, dtype=torch.float16, focal_radius=1e9), 'beyond float16'),
    right(DATA, lambda f: torch.equal(make(f)[0], f(np.int64(3), np.float32(1), np.int32(2), seq_len=np.int8(3), d_model=torch.tensor(4), seed=np.int64(0))[0]), True),
    *agree(DATA, lambda f, v: (make(f, dtype=v)[0].double()-make(f, dtype=torch.float64)[0]).abs().max().item()<.05, (torch.float16, torch.bfloat16, torch.float32), True),
    right(DATA, lambda f: make(f, focal_config=[np.array([0., 1., 2.], np.float32), [.25, .25, .5]], return_focal_info=True)[3]['n_foci'], 3),
    *each('data.polylipse.make_circle_dataset', lambda f, v: f(v), (0, -1, 2.5, NAN, None, 10**12), 'n_samples'),
    *each('data.polylipse.make_circle_dataset', lambda f, v: f(3, v), BAD_NUMBERS, 'orbit_radius must be a finite number > 0'),
    *each('data.polylipse.make_circle_dataset', lambda f, v: f(3, gap=v), (-.1, 1, NAN, None), 'gap must be a finite number'),
    *each('data.polylipse.make_circle_dataset', lambda f, v: f(3, d_model=v), (2, None), 'd_model must be an integer >= 3'),
    *each('data.polylipse.make_circle_dataset', lambda f, v: f(3, dtype=v), (torch.int64, 'float32', None), 'dtype must be a floating point type'),
    right('data.polylipse.make_circle_dataset', lambda f: (f(np.int64(3), dtype=torch.float16)[0].double()-f(3, dtype=torch.float64)[0]).abs().max().item()<.05, True),
    *each('data.polylipse.plot_sequence', lambda f, v: f(v, [0, 1], np.eye(2, 3)), (np.ones(3), [[NAN]*3]*2, 'ab', None, np.ones((0, 3))), 'X '),
    *each('data.polylipse.plot_sequence', lambda f, v: f(np.ones((2, 3)), v, np.eye(2, 3)), ([0], 'ab', None), 'y '),
    *each('data.polylipse.plot_sequence', lambda f, v: f(np.ones((2, 3)), [0, 1], v), (np.eye(2, 4), np.eye(3), None), 'embedding'),
    right('data.polylipse.plot_sequence', lambda f: len(f(half(2, 3), np.array([0, 1]), torch.eye(2, 3)).collections), 2),
]
ROWS = [*INTERACT, *CANTOR, *SIMPLEX, *FOCI, *KAPPA, *POLYLIPSE]
