"Live widgets: a curriculum that is watched, a classifier that is asked why"
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator
from geofractal_nb.data.splits import EmbeddingData, make_splits
from geofractal_nb.live import BasinView, LiveCurriculum
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.training.levels import CurriculumConfig

Y = torch.arange(60)%3
X = torch.randn(60, 8, generator=generator(0, 'live rows'))
DATA = EmbeddingData('toy', X, Y, make_splits(Y))
MODEL = GeoFractalDavid(8, 3, 2, (4, 6)).eval()
VIEW = BasinView(MODEL, DATA)
WHY = VIEW.explain(0)
TINY = CurriculumConfig(max_n_foci=2, epochs_per_level=2, stability_window=2, n_samples=32, n_validation=16)
LOGITS = np.eye(3)[np.arange(30)%3]
L = 'live.'

ROWS = [
    *(refused(L+n, lambda f, v=v: f(v), words) for n,words in (('live_curves', 'CurriculumState'), ('plot_live', 'live_curves returns')) for v in (None, 3, {}, [1., np.nan])),
    right(L+'Stopped', lambda f: issubclass(f, Exception), True),
    *(refused(L+n, lambda f, v=v: f(v), 'CurriculumConfig') for n in ('LiveCurriculum', 'watch_curriculum') for v in (None, {}, 'quick')),
    refused(L+'LiveCurriculum', lambda f: f(TINY, watch=3), 'watch must be a function'),
    refused(L+'LiveCurriculum', lambda f: f(TINY).wait('finished'), 'call start first'),
    right(L+'LiveCurriculum', lambda f: f(TINY).status, 'ready'),
    *(refused(L+'watch_curriculum', lambda f, kw=kw: f(TINY, **kw), words) for kw,words in ((dict(every=-1), 'every'), (dict(every=np.nan), 'every'), (dict(start='no'), 'True or False'))),
    right(L+'watch_curriculum', lambda f: f(TINY, start=False).live.status, 'ready'),
    *(refused(L+n, lambda f, a=a: f(*a), words) for n in ('BasinView', 'explore_basin') for a,words in (
        ((None, DATA), 'GeoFractalDavid, BasinResult or RunFolder'), ((MODEL, None), 'EmbeddingData'), ((MODEL, DATA, 'all'), 'split must be one of'),
        ((GeoFractalDavid(8, 4, 2, (4,)), DATA), '4 classes, the data has 3'))),
    *(refused(L+'BasinView', lambda f, a=a: f(MODEL, DATA).explain(a), 'sample') for a in (-1, 10**6, 1.5, None, np.nan)),
    *(refused(L+'BasinView', lambda f, kw=kw: f(MODEL, DATA).accuracy(**kw), words) for kw,words in ((dict(colour=1.), 'factors must be of'), (dict(cantor=-1.), 'cantor'), (dict(cantor=np.nan), 'cantor'))),
    right(L+'BasinView', lambda f: torch.allclose(f(MODEL, DATA).logits(), MODEL(DATA.batch(DATA.splits['test'])[0]), atol=1e-5), True),
    right(L+'explore_basin', lambda f: len(f(MODEL, DATA).view.rows), len(DATA.splits['test'])),
    *(refused(L+n, lambda f, v=v: f(v, 'abc'), 'BasinView.explain returns') for n in ('plot_why', 'why_table') for v in (None, {}, 3)),
    right(L+'plot_why', lambda f: len(f(WHY, VIEW.names).axes), 2),
    right(L+'why_table', lambda f: 'decided by' in f(WHY, ('<b>', 'b', 'c')) and '<b>' not in f(WHY, ('<b>', '<b>', '<b>')), True),
    *(refused('metrics.explore_calibration', lambda f, a=a: f(*a), words) for a,words in (
        ((LOGITS[0], [0, 1, 2]), 'shape (N, C)'), ((LOGITS, [0, 1]), 'shape (30'), ((LOGITS*np.nan, np.arange(30)%3), 'finite'), ((None, None), 'logits'))),
    right('metrics.explore_calibration', lambda f: len(f(LOGITS.astype(np.float16), np.arange(30)%3).children)>=3, True),
    right('models.zeta.explore_kernels', lambda f: len(f().children)>=4, True),
]
