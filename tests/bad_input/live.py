"Live widgets: a curriculum that is watched, a classifier that is asked why"
import numpy as np
import torch
from matplotlib.figure import Figure

from bad_input import refused, right
from geofractal_nb.core import generator
from geofractal_nb.data.splits import EmbeddingData, make_splits
from geofractal_nb.live import BasinView
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.plots.page import png
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.members import CurriculumState, initial_parameters
from geofractal_nb.training.runs import RunFolder

Y = torch.arange(60)%3
X = torch.randn(60, 8, generator=generator(0, 'live rows'))
DATA = EmbeddingData('toy', X, Y, make_splits(Y))
MODEL = GeoFractalDavid(8, 3, 2, (4, 6)).eval()
VIEW = BasinView(MODEL, DATA)
WHY = VIEW.explain(0)
TINY = CurriculumConfig(max_n_foci=2, epochs_per_level=2, stability_window=2, n_samples=32, n_validation=16)
LABELS = np.arange(30)%3
LOGITS = np.eye(3)[LABELS]
CURVES = dict(level=1, levels=2, foci=[2], starts=[0], kappa=[[1., 2.]], accuracy=[[.1, .2]], target=[[1.]], on_levels=[[.5]])
L,PNG = 'live.',b'\x89PNG'


def unbegun():
    "A state before its first level"
    return CurriculumState(TINY, torch.device('cpu'), initial_parameters(TINY), runs=[[]])


def a_file(folder):
    (folder/'file').write_text('')
    return folder/'file'


def diverged():
    "A model whose weights are no numbers"
    m = GeoFractalDavid(8, 3, 2, (4,))
    with torch.no_grad():
        for p in m.parameters(): p.fill_(np.nan)
    return m


def drawn(fig):
    "How the PNG it is shown as begins"
    return png(fig)[:4]


def turned(box, control, value):
    "What a widget complains of when a control is turned, nothing when it draws another figure"
    before = box.image.value
    box.controls[control].value = value
    return box.message.value or ('' if box.image.value!=before else 'the same figure')


def sharp(box):
    "What the widget complains of at the lowest temperature, where a sure prediction looks as before"
    said = turned(box, 'temperature', .1)
    return '' if said.startswith('the same as') else said

ROWS = [
    *(refused(L+n, lambda f, v=v: f(v), words) for n,words in (('live_curves', 'CurriculumState'), ('plot_live', 'live_curves returns')) for v in (None, 3, {}, [1., np.nan])),
    refused(L+'live_curves', lambda f: f(unbegun()), 'no level begun'),
    right(L+'live_curves', lambda f: f(fit_curriculum(TINY))['foci'], list(TINY.order)),
    *(refused(L+'plot_live', lambda f, more=more: f({**CURVES, **more}), 'live_curves returns') for more in (
        dict(kappa=[]), dict(kappa=None), dict(kappa=[['a']]), dict(accuracy=[]), dict(target=[[1.], [1.]]), dict(on_levels=[[.5, .5]]), dict(starts=[]), dict(foci=3))),
    *(refused(L+'plot_live', lambda f, fig=fig: f(CURVES, fig), 'fig must be') for fig in (3, 'new', Figure())),
    *(right(L+'plot_live', lambda f, c=c: drawn(f({**CURVES, **c})), PNG) for c in ({}, dict(kappa=[[np.nan, np.nan]]), dict(kappa=[[]], accuracy=[[]]), dict(kappa=np.ones((1, 2), np.float16)))),
    right(L+'plot_live', lambda f: (fig := f(CURVES)) is f(CURVES, fig), True),
    right(L+'Stopped', lambda f: issubclass(f, Exception), True),
    *(refused(L+n, lambda f, v=v: f(v), 'CurriculumConfig') for n in ('LiveCurriculum', 'watch_curriculum') for v in (None, {}, 'quick')),
    refused(L+'LiveCurriculum', lambda f: f(TINY, watch=3), 'watch must be a function'),
    refused(L+'LiveCurriculum', lambda f: f(TINY).wait('finished'), 'call start first'),
    *(refused(L+n, lambda f, v=v: f(TINY, v), words) for n in ('LiveCurriculum', 'watch_curriculum') for v,words in (
        (3, 'save_dir must be a path'), (np.nan, 'save_dir must be a path'), ('', 'save_dir is empty'), ('a\0b', 'cannot be made'))),
    *(refused(L+n, lambda f, t: f(TINY, a_file(t)), 'is a file') for n in ('LiveCurriculum', 'watch_curriculum')),
    *(refused(L+'LiveCurriculum', lambda f, t, a=a, kw=kw: f(TINY, t).start().wait(*a, **kw), words) for a,kw,words in (
        (('done',), {}, "status must be one of ('running', 'paused'"), ((None,), {}, 'status must be one of'), ((), dict(timeout=np.nan), 'timeout'), ((), dict(timeout='1'), 'timeout'), ((), dict(timeout=-1), 'timeout'))),
    right(L+'LiveCurriculum', lambda f, t: f(TINY, str(t)).start().wait(timeout=np.float32(300)), 'finished'),
    right(L+'LiveCurriculum', lambda f: f(TINY).status, 'ready'),
    *(refused(L+'watch_curriculum', lambda f, kw=kw: f(TINY, **kw), words) for kw,words in ((dict(every=-1), 'every'), (dict(every=np.nan), 'every'), (dict(start='no'), 'True or False'))),
    right(L+'watch_curriculum', lambda f: f(TINY, start=False).live.status, 'ready'),
    *(refused(L+n, lambda f, a=a: f(*a), words) for n in ('BasinView', 'explore_basin') for a,words in (
        ((None, DATA), 'GeoFractalDavid, BasinResult or RunFolder'), ((MODEL, None), 'EmbeddingData'), ((MODEL, DATA, 'all'), 'split must be one of'),
        ((GeoFractalDavid(8, 4, 2, (4,)), DATA), '4 classes, the data has 3'),
        ((GeoFractalDavid(7, 3, 2, (4,)), DATA), 'shape (B, 7)'), ((diverged(), DATA), 'NaN or infinite'), ((MODEL, DATA, None), 'split must be one of'))),
    *(refused(L+n, lambda f, t: f(RunFolder(t, 'm', 'r'), DATA), 'train this run first') for n in ('BasinView', 'explore_basin')),
    *(refused(L+'BasinView', lambda f, a=a: f(MODEL, DATA).explain(a), 'sample') for a in (-1, 10**6, 1.5, None, np.nan)),
    *(refused(L+'BasinView', lambda f, kw=kw: f(MODEL, DATA).accuracy(**kw), words) for kw,words in ((dict(colour=1.), 'factors must be of'), (dict(cantor=-1.), 'cantor'), (dict(cantor=np.nan), 'cantor'))),
    right(L+'BasinView', lambda f: torch.allclose(f(MODEL, DATA).logits(), MODEL(DATA.batch(DATA.splits['test'])[0]), atol=1e-5), True),
    right(L+'explore_basin', lambda f: len(f(MODEL, DATA).view.rows), len(DATA.splits['test'])),
    *(refused(L+n, lambda f, v=v: f(v, 'abc'), 'BasinView.explain returns') for n in ('plot_why', 'why_table') for v in (None, {}, 3)),
    *(refused(L+n, lambda f, v=v: f({k: x for k,x in WHY.items() if k!=v}, 'abc'), 'BasinView.explain returns') for n in ('plot_why', 'why_table') for v in ('shares', 'digits', 'rival')),
    *(refused(L+n, lambda f, v=v: f(WHY, v), 'names of all classes') for n in ('plot_why', 'why_table') for v in (None, [], {}, 3)),
    *(refused(L+'plot_why', lambda f, fig=fig: f(WHY, 'abc', fig), 'fig must be') for fig in (3, 'new', Figure())),
    right(L+'plot_why', lambda f: len(f(WHY, VIEW.names).axes), 2),
    *(right(L+'plot_why', lambda f, v=v: drawn(f(WHY, v)), PNG) for v in (['$_{', '$\\x', '$}'], ['$_{$']*3, np.array(['a', 'b', 'c']), [1, 2, 3])),
    right(L+'why_table', lambda f: 'decided by' in f(WHY, ('<b>', 'b', 'c')) and '<b>' not in f(WHY, ('<b>', '<b>', '<b>')), True),
    *(refused('metrics.explore_calibration', lambda f, a=a: f(*a), words) for a,words in (
        ((LOGITS[0], [0, 1, 2]), 'shape (N, C)'), ((LOGITS, [0, 1]), 'shape (30'), ((LOGITS*np.nan, LABELS), 'finite'), ((None, None), 'logits'),
        *(((LOGITS, y), 'whole numbers from 0 to 2') for y in (LABELS+7, LABELS-1, LABELS+.5)), ((LOGITS, LABELS*np.nan), 'finite'), ((LOGITS, ['a']*30), 'numbers'),
        ((np.zeros((0, 3)), []), 'at least a row'), ((np.zeros((3, 0)), [0, 0, 0]), 'at least a row'))),
    *(right('metrics.explore_calibration', lambda f, z=z, y=y: sharp(f(z, y)), '') for z,y in ((LOGITS.astype('>f4'), LABELS.astype('>i2')), ((LOGITS*3e38).astype(np.float32), LABELS), (LOGITS*1.7e308, LABELS.astype(np.float16)), (LOGITS[:, ::-1], LABELS.tolist()))),
    right('metrics.explore_calibration', lambda f: len(f(LOGITS.astype(np.float16), np.arange(30)%3).controls), 2),
    right('models.zeta.explore_kernels', lambda f: len(f().controls), 3),
    *(right('models.zeta.explore_kernels', lambda f, n=n, v=v: turned(f(), n, v), '') for n in ('beta', 't') for v in (10**-1.5, 10**1.5)),
]
