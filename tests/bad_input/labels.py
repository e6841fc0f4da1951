"Wrong labels: planting them, finding them, writing them down"
import numpy as np
import torch
import torch.nn.functional as F

from bad_input import refused, right
from geofractal_nb.labels import label_issues, witnesses

R = np.random.default_rng(0)
Y = np.arange(60)%3
X = (2*np.eye(3)[Y]+.3*R.normal(size=(60, 3))).astype(np.float32)
NAN = X.copy()
NAN[3,1] = np.nan
FOUND = label_issues(X, np.array(['a', 'b', 'c'])[Y], folds=2)
UNIT = F.normalize(torch.from_numpy(X), dim=1)
SEEN = witnesses(UNIT, torch.from_numpy(Y), 4)
name,plant = 'labels.label_issues','labels.plant_errors'


def swapped(f): # row 7 is called a 0, and is a 1
    y = Y.copy()
    y[7] = 0
    found = f(torch.from_numpy(X), torch.from_numpy(y), 4)
    return int(found.indices[0]),int(found.suggested[7])


ROWS = [
    *(refused(name, lambda f, a=a, kw=kw: f(*a, **kw), words) for a,kw,words in (
        ((NAN, Y), {}, 'NaN'), ((X, Y[:5]), {}, 'inconsistent'), ((X[0], Y), {}, '2D'), ((X, Y*0), {}, 'at least 2 classes'), ((X, X[:,0]), {}, 'label type'),
        ((X[:0], Y[:0]), {}, '0 sample'), ((np.full((60, 3), 'a'), Y), {}, 'convert'), ((X, np.where(Y, np.nan, 1.)), {}, 'NaN'), ((X, Y), dict(folds=1), 'folds'), ((X, Y), dict(folds=61), 'folds'),
        ((X, Y), dict(folds=2.5), 'folds'), ((X, Y), dict(seed=-1), 'seed'), ((X, Y), dict(epochs=0), 'epochs'), ((X, Y), dict(epochs=np.nan), 'epochs'),
        ((X[:3], Y[:3]), {}, 'single row'), ((X[:4], [0, 1, 1, 1]), {}, 'single row'), ((np.ones((4, 5000)), [0, 0, 1, 1]), {}, 'too wide'))),
    right(name, swapped, (7, 1)),
    right(name, lambda f: f(X.astype(np.float64), Y, 2).scores.tobytes(), label_issues(X, Y, 2).scores.tobytes()),
    right(name, lambda f: f(X[::-1], Y[::-1], 2).scores.shape, Y.shape),
    *(right(name, lambda f, v=v: np.abs(f(X*np.float32(2.**v), Y, 2).scores-FOUND.scores).max()<1e-2, True) for v in (-80, 60)),
    refused(name, lambda f: f(X.astype(float)*1e-60, Y), 'fit float32'), refused(name, lambda f: f(X.astype(float)*1e200, Y), 'fit float32'),
    right(name, lambda f: f(np.r_[X, X[:1]], [*Y, 9], 2).not_judged.tolist(), [60]),
    *(refused(plant, lambda f, a=a: f(*a), words) for a,words in (
        ((Y, -.1), 'share'), ((Y, 1.1), 'share'), ((Y, np.nan), 'share'), ((Y, 'few'), 'share'), ((Y, .5, [0, 1]), 'one group for each of 3 classes'), ((Y, .5, [0, 1, 2]), 'cannot be replaced'),
        ((Y-1, .5), 'labels'), (([], .5), 'non-empty'), ((['a', 'b'], .5), 'numbers'), ((Y, .5, None, -1), 'seed'))),
    right(plant, lambda f: f(Y, 1.)[1].all().item(), True),
    right(plant, lambda f: f(Y, 0)[1].any().item(), False),
    *(refused('labels.label_folds', lambda f, a=a: f(*a), words) for a,words in (((Y, 1), 'folds'), ((Y, 61), 'folds'), ((Y, '5'), 'folds'), ((Y-1, 5), 'labels'), ((Y, 5, -1), 'seed'))),
    right('labels.label_folds', lambda f: torch.bincount(f(Y, 7)).amax().item(), 9),
    right('labels.neighbour_votes', lambda f: f(UNIT[:2], UNIT[:1], torch.tensor([1]), 3).argmax(1).tolist(), [1, 1]),
    refused('labels.witnesses', lambda f: f(UNIT, torch.zeros(60).long(), 3), '2 classes'),
    right('labels.witnesses', lambda f: f(UNIT, torch.from_numpy(Y), 4).present.tolist(), [True]*3+[False]),
    right('labels.Witnesses', lambda f: SEEN.evidence(UNIT[:5]).isfinite().all().item() and SEEN.evidence(UNIT[:5]).shape, (4, 5, 4)),
    right('labels.fit_weights', lambda f: bool((f(torch.zeros(2, 6, 3), torch.arange(6)%3)>=0).all()), True),
    refused('labels.LabelIssues', lambda f: FOUND.to_frame(['a']), '60 rows'),
    right('labels.LabelIssues', lambda f: (isinstance(FOUND, f), list(FOUND.to_frame(['a']*60).columns)[-1], 'of 60 labels' in repr(FOUND) and FOUND._repr_html_().count('<table')), (True, 'text', 1)),
    refused('labels.write_label_issues', lambda f: f(None, '.'), 'label_issues'),
    refused('labels.write_label_issues', lambda f: f(FOUND, ''), 'folder'),
    refused('labels.write_label_issues', lambda f, p: f(FOUND, p, ['a']), '60 rows'),
    right('labels.write_label_issues', lambda f, p: sorted(v.name for v in f(FOUND, p/'new', ['<b>']*60).values()), ['label_issues.csv', 'label_issues.html']),
]
