"Pruning of classes"
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.models.pruning import class_bounds

NAN,INF = float('nan'),float('inf')
X = torch.randn(60, 8, generator=generator(0, 'pruning rows'))
MODEL,SOURCE = GeoFractalDavid(8, 120, 4, (6, 9), radius=.1).eval(),GeoFractalDavid(8, 3, 2, (4,), reference=True)
BOUNDS = class_bounds(MODEL)
with torch.no_grad(): LOGITS = MODEL(X)


def damaged():
    "A model whose weights are not numbers"
    m = GeoFractalDavid(8, 3, 2, (4,))
    with torch.no_grad(): m.fusion_weights.fill_(NAN)
    return m


ANSWERS = ['models.pruning.top_classes', 'models.pruning.predict', 'models.pruning.bound_logits']
ROWS = [
    *(refused(s, lambda f, x=x: f(MODEL, x), words) for s in ANSWERS for x,words in [
        (X*NAN, 'finite'), (X*INF, 'finite'), (X[:,:3], 'shape (B, 8)'), (X[0], 'shape (B, 8)'), (None, 'numbers'), ('abc', 'numbers'), (X>0, 'real'), (X+0j, 'real')]),
    *(refused(s, lambda f, m=m: f(m, X), words) for s in ANSWERS for m,words in [(None, 'GeoFractalDavid'), (SOURCE, 'reference mode'), (X, 'GeoFractalDavid')]),
    *(refused(s, lambda f, b=b: f(MODEL, X, bounds=b), 'class_bounds(model)') for s in ANSWERS for b in (5, X, class_bounds(GeoFractalDavid(8, 120, 4, (6, 9))))),
    *(refused('models.pruning.top_classes', lambda f, n=n: f(MODEL, X, n), 'n must be an integer', '<= 120') for n in (0, -1, 121, 1.5, NAN, '2', None, True)),
    *(refused('models.pruning.class_bounds', lambda f, m=m: f(m()), words) for m,words in [
        (lambda: None, 'GeoFractalDavid'), (lambda: SOURCE, 'reference mode'), (damaged, 'finite'), (lambda: MODEL.state_dict(), 'GeoFractalDavid')]),
    *(right('models.pruning.predict', lambda f, x=x: f(MODEL, x(), BOUNDS), LOGITS.argmax(1)) for x in (
        lambda: X.numpy(), lambda: X.double(), lambda: X.T.contiguous().T, lambda: X.numpy()[::-1][::-1], lambda: X.tolist(), lambda: X.numpy().astype('>f8'))),
    right('models.pruning.predict', lambda f: f(MODEL, X[:0], BOUNDS), lambda c: c.shape==(0,)),
    right('models.pruning.top_classes', lambda f: f(MODEL, X, np.int64(2), BOUNDS)[0], LOGITS.topk(2).indices),
    right('models.pruning.top_classes', lambda f: f(MODEL, X, 120)[0], LOGITS.topk(120).indices),
    right('models.pruning.top_classes', lambda f: f(MODEL, X[:0], 3), lambda a: a[0].shape==a[1].shape==(0, 3)),
    right('models.pruning.bound_logits', lambda f: f(MODEL, X.half().float().numpy(), BOUNDS), lambda b: bool((b[0]<=b[1]).all())),
    right('models.pruning.class_bounds', lambda f: list(f(MODEL).heads), [6, 9]),
    right('models.pruning.Bounds', lambda f: isinstance(BOUNDS, f) and BOUNDS.fit(MODEL) and not BOUNDS.fit(SOURCE), True),
    right('models.pruning.HeadBounds', lambda f: all(type(h) is f and bool((h.radius**2>=h.spread*(1-1e-5)).all()) for h in BOUNDS.heads.values()), True),
]
