"The kernel classifier and its pictures"
import matplotlib
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.cgd import fit_cgd

matplotlib.use('agg')
X = np.array([[0., 0.], [1., 0.], [0., 1.], [3., 3.], [4., 3.], [3., 4.]])
Y = np.array([0, 0, 0, 1, 1, 1])
FIT = fit_cgd(X, Y)
AXIS = np.linspace(0, 4, 5)
FIELD = np.add.outer(AXIS-2, AXIS-2)
WORDS = np.array(['a', 'b'])[Y]
def is_axes(ax): return hasattr(ax, 'get_xlim')
def is_figure(fig): return hasattr(fig, 'savefig')
def same_scores(c): return np.allclose(c.scores(X), FIT.scores(X), atol=1e-6)


BAD_NUMBERS = [('sigma', 0), ('sigma', -1.), ('sigma', float('nan')), ('sigma', float('inf')),
               ('sigma', '1'), ('t', 0.), ('t', 1e300), ('t', None), ('w', -.1), ('w', 1.1),
               ('w', float('nan')), ('eta', 0), ('eta', -1e-3), ('eta', float('inf')),
               ('eta', [1e-2])]
ROWS = [
    *(refused('cgd.fit_cgd', lambda f, n=n, v=v: f(X, Y, **{n: v}), f'{n} must be a finite number')
      for n,v in (*BAD_NUMBERS, ('tol', 2), ('tol', -1))),
    *(refused('cgd.fit_cgd', lambda f, v=v: f(X, Y, max_iter=v), 'max_iter', 'integer')
      for v in (0, 2.5, '9')),
    *(refused('cgd.fit_cgd', lambda f, v=v: f(X, Y, method=v), 'method must be one of', 'cholesky')
      for v in ('lu', None, 3, '')),
    refused('cgd.fit_cgd', lambda f: f(np.where(X==4, np.nan, X), Y), 'points must be finite'),
    refused('cgd.fit_cgd', lambda f: f(np.where(X==4, np.inf, X), Y), 'points must be finite'),
    refused('cgd.fit_cgd', lambda f: f(1e101*X, Y), 'points must lie within', 'rescale'),
    refused('cgd.fit_cgd', lambda f: f(X[:,0], Y), 'points must have shape', 'got (6,)'),
    refused('cgd.fit_cgd', lambda f: f(X[:0], Y[:0]), 'points must hold a point', '(0, 2)'),
    refused('cgd.fit_cgd', lambda f: f(X[:,:0], Y), 'points must hold a point', '(6, 0)'),
    refused('cgd.fit_cgd', lambda f: f(None, Y), 'points must be numbers'),
    refused('cgd.fit_cgd', lambda f: f([['a', 'b']], [0]), 'points must be numbers', 'text'),
    refused('cgd.fit_cgd', lambda f: f(X+1j, Y), 'points', 'complex'),
    refused('cgd.fit_cgd', lambda f: f(X, Y[:5]), '6 points but 5 labels'),
    refused('cgd.fit_cgd', lambda f: f(X, WORDS[:5]), '6 points but 5 labels'),
    refused('cgd.fit_cgd', lambda f: f(X, 0*Y), 'a single class'),
    refused('cgd.fit_cgd', lambda f: f(X, ['a']*6), 'a single class'),
    refused('cgd.fit_cgd', lambda f: f(X, Y+.5), 'labels must be whole numbers'),
    refused('cgd.fit_cgd', lambda f: f(X, Y*np.nan), 'labels must be finite'),
    refused('cgd.fit_cgd', lambda f: f(X, 1e300*(1+Y)), 'labels', '2^53'),
    refused('cgd.fit_cgd', lambda f: f(X, Y[:,None]), 'labels must have shape (n,)', '(6, 1)'),
    refused('cgd.fit_cgd', lambda f: f(X, None), 'labels'),
    refused('cgd.fit_cgd', lambda f: f(X, ['a', 1, None, 2, 3, 4]), 'labels'),
    refused('cgd.fit_cgd', lambda f: f(X, ['']+['a']*5), 'empty label'),
    refused('cgd.fit_cgd', lambda f: f(np.zeros((2**14+1, 2)), np.arange(2**14+1)%2, method='cg'),
            'too many for a matrix', 'matrix-free'),
    refused('cgd.fit_cgd', lambda f: f(np.zeros((2**20+1, 1), np.int8),
            np.arange(2**20+1)%2), 'too many to hold'),
    *(right('cgd.fit_cgd', lambda f, v=v: f(v, Y), same_scores) for v in (X.tolist(),
        X.astype(np.float16), X.astype(int), X.astype('>f8'), torch.tensor(X).float(),
        np.repeat(X, 2, 0)[::2], np.asfortranarray(X), torch.tensor(X).bfloat16())),
    *(right('cgd.fit_cgd', lambda f, v=v: f(X, v), same_scores) for v in (Y.tolist(), Y+.0, Y-7,
        WORDS, WORDS.tolist(), WORDS.astype(object), torch.tensor(Y), Y==1, Y.astype('>i2'))),
    right('cgd.fit_cgd', lambda f: f(X, Y, np.float32(.5), torch.tensor(.5), np.float16(.5),
                                     np.array(1e-2)), same_scores),
    *(right('cgd.fit_cgd', lambda f, m=m: f(X, Y, method=m), same_scores)
      for m in ('cholesky', 'cg', 'matrix-free')),
    *(refused('cgd.mixed_kernel', lambda f, n=n, v=v: f(X, X, **{n: v}),
              f'{n} must be a finite number') for n,v in BAD_NUMBERS if n!='eta'),
    refused('cgd.mixed_kernel', lambda f: f(X[:,:1], X), 'query must have shape (n, 2)'),
    refused('cgd.mixed_kernel', lambda f: f([[np.nan, 0.]], X), 'query must be finite'),
    refused('cgd.mixed_kernel', lambda f: f(X, []), 'points must have shape'),
    right('cgd.mixed_kernel', lambda f: f([[1e99, 0]], X, w=1).sum(), 1.),
    right('cgd.mixed_kernel', lambda f: f(X[:1].astype(np.float16), X).argmax(), 0),
    right('cgd.CGD', lambda f: isinstance(FIT, f), True),
    refused('cgd.CGD', lambda f: f.scores(FIT, X[:,:1]), 'query must have shape (n, 2)'),
    refused('cgd.CGD', lambda f: f.predict(FIT, [[np.inf, 0]]), 'query must be finite'),
    refused('cgd.CGD', lambda f: f.predict(FIT, 'x'), 'query must be numbers'),
    refused('cgd.CGD', lambda f: f.scores_on_grid(FIT, [np.nan], [0.]), 'x must be finite'),
    refused('cgd.CGD', lambda f: f.scores_on_grid(FIT, [0.], []), 'y must hold a point'),
    refused('cgd.CGD', lambda f: f.scores_on_grid(fit_cgd(X[:,:1], Y), [0.], [0.]), 'the plane'),
    right('cgd.CGD', lambda f: f.predict(FIT, X.astype(np.float16)).tolist(), Y.tolist()),
    right('cgd.CGD', lambda f: f.scores_on_grid(FIT, [1, 2, 3], (0,)).shape, (2, 1, 3)),

    refused('plots.cgd.field_axes', lambda f: f([]), 'points'),
    refused('plots.cgd.field_axes', lambda f: f(np.zeros((3, 3))), 'points must have shape (n, 2)'),
    refused('plots.cgd.field_axes', lambda f: f(X, 1), 'size', '>= 2'),
    refused('plots.cgd.field_axes', lambda f: f(X, 10**6), 'size', '<= 4000'),
    refused('plots.cgd.field_axes', lambda f: f(X, margin=-1), 'margin'),
    right('plots.cgd.field_axes', lambda f: [len(a) for a in f(X[:1])], [220, 220]),
    refused('plots.cgd.plot_scores', lambda f: f(AXIS, AXIS, FIELD[:3]), 'scores must have shape'),
    refused('plots.cgd.plot_scores', lambda f: f(AXIS, AXIS, FIELD*np.nan), 'must be finite'),
    refused('plots.cgd.plot_scores', lambda f: f(AXIS[:1], AXIS, FIELD[:,:1]), 'two places'),
    refused('plots.cgd.plot_scores', lambda f: f(AXIS, AXIS, FIELD, ax=3), 'ax must be'),
    refused('plots.cgd.plot_scores', lambda f: f(AXIS, AXIS, FIELD, [1, 2]), 'foci must have'),
    *(right('plots.cgd.plot_scores', lambda f, v=v: f(AXIS, AXIS, v), is_axes)
      for v in (FIELD, FIELD.astype(np.float16), 0*FIELD, FIELD-9, FIELD+9, 1e200*FIELD)),
    refused('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, FIELD), 'scores must have shape'),
    refused('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, FIELD[None], [1, 2]), 'classes'),
    refused('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, FIELD[None][:0]), 'classes'),
    refused('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, FIELD[None], points=X),
            'as many labels'),
    refused('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, FIELD[None], points=X, labels=Y),
            'none of the classes'),
    right('plots.cgd.plot_partition', lambda f: f(AXIS, AXIS, np.stack([FIELD, -FIELD]), [5, 3], X,
                                                  5-2*Y, X), is_axes),
    refused('plots.cgd.class_colors', lambda f: f(3), 'classes must be a vector'),
    right('plots.cgd.class_colors', lambda f: f([-1, 3, 23]).shape, (3, 3)),
    right('plots.cgd.class_colors', lambda f: f(['b', 'a']).shape, (2, 3)),
    refused('plots.cgd.plot_cgd', lambda f: f(X, 0*Y), 'a single class'),
    refused('plots.cgd.plot_cgd', lambda f: f(np.c_[X, X], Y), 'shape (n, 2)'),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, size=1), 'size'),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, positive='x'), 'positive', "'x'"),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, axes=[1]), 'axes must be two'),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, foci=[[np.nan, 0]]), 'foci must be finite'),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, save_path=3), 'path'),
    refused('plots.cgd.plot_cgd', lambda f: f(X, Y, eta=0), 'eta'),
    right('plots.cgd.plot_cgd', lambda f: f(torch.tensor(X), torch.tensor(Y), size=9), is_figure),
    right('plots.cgd.plot_cgd', lambda f: f(X.tolist(), WORDS.tolist(), X.tolist(), size=9,
                                            positive='b'), is_figure),
    *(refused('plots.cgd.plot_cgd_polylipse', lambda f, v=v: f(v, 1.), 'n_foci', 'integer')
      for v in (0, 2.5, '3', None, 10**6)),
    *(refused('plots.cgd.plot_cgd_polylipse', lambda f, v=v: f(3, v), 'kappa')
      for v in (0., -1, float('nan'), float('inf'), 'x')),
    refused('plots.cgd.plot_cgd_polylipse', lambda f: f(3, 1., sigma=-1), 'sigma'),
    refused('plots.cgd.plot_cgd_polylipse', lambda f: f(3, 1., n_samples=-1), 'n_samples'),
    refused('plots.cgd.plot_cgd_polylipse', lambda f: f(3, 1., seed=-1), 'seed'),
    refused('plots.cgd.plot_cgd_polylipse', lambda f: f(3, 1e9, n_samples=5), 'class'),
    right('plots.cgd.plot_cgd_polylipse', lambda f: f(np.int64(3), np.float32(1.5), n_samples=60,
                                                      size=9)[1].shape, (60, 3)),
    refused('plots.cgd.explore_cgd', lambda f: f(1), 'n_samples', '>= 2'),
    refused('plots.cgd.explore_cgd', lambda f: f(60, 1), 'size', '>= 2'),
    right('plots.cgd.explore_cgd', lambda f: len(f(60, 12).controls), 6),
]
