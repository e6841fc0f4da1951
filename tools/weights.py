"""Digests of what small classifiers of many kinds learn: the same digests, the same arithmetic, to the last bit

The temperature, which a search in single precision finds to three digits, counts to two.

`tools/results.py confirm NAME --since COMMIT --weights` compares them between two states of the library.
"""
import hashlib
import sys
import warnings

import numpy as np
import torch

from geofractal_nb.core import generator
from geofractal_nb.data.embeddings import load_dataset
from geofractal_nb.data.splits import EmbeddingData
from geofractal_nb.data.synthetic import clip_like
from geofractal_nb.estimator import GeoFractalClassifier
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.training.basin import BasinConfig, fit

# With --before: settings that came later, at the values that are what was before; a library without them has nothing else
BEFORE = dict(class_tree=None, interpolation=1., mix_lr=1.) if '--before' in sys.argv else {}
# NAME=VALUE: a setting that all kinds share, where a result does not depend on what it would otherwise be
SHARED = {n: float(v) for n,_,v in (a.partition('=') for a in sys.argv[1:] if '=' in a)}
KINDS = {
    'default': {},
    'one prototype': dict(terms=('feature',)),
    'crystal alone': dict(terms=('crystal',)),
    'cantor and crystal': dict(terms=('cantor', 'crystal')),
    'mixture of 2': dict(start='mixture', terms=('crystal',)),
    'mixture of 8': dict(start='mixture', terms=('crystal',), k=7),
    'mixture of 32': dict(start='mixture', terms=('crystal',), k=31),
    'clusters, their mean': dict(start='mixture', terms=('feature',), k=7),
    'narrow': dict(scales=(16,), k=4),
    'two scales': dict(scales=(64, 128), k=4),
    'from chance': dict(start='random', k=4, scales=(128,)),
    'smoothed': dict(smoothing=.1),
    'ward': dict(class_tree='ward'),
}


def digest(arrays):
    h = hashlib.sha256()
    for a in arrays: h.update(np.ascontiguousarray(a).tobytes())
    return h.hexdigest()[:16]


def tasks(folder=None):
    "name -> rows and labels: few classes with many rows, many classes with few"
    X,y,_ = clip_like(700, 6, 384, folder=folder, noise=2.)
    return {'digits': load_dataset('digits').arrays('train'), '700 classes': (X[:].numpy(), y.numpy())}


def learned(X, y, **settings):
    "Weights, logits and temperature of a classifier of a few dozen steps, rows weighted or not"
    weights = np.random.default_rng(0).uniform(.5, 1.5, len(y)) if settings.pop('weighted', False) else None
    known = GeoFractalClassifier().get_params()
    settings = {**{n: v for n,v in BEFORE.items() if n in known}, **SHARED, **settings}
    model = GeoFractalClassifier(epochs=1, min_steps=30, refit=False, **settings).fit(X, y, sample_weight=weights)
    return [*model.weights_.values(), model._logits(X[:200])],f'{model.temperature_:.2g}'


def regularised():
    "Weights of the experiments' loop with every part of the loss"
    g = generator(0, 'weights')
    y = torch.arange(600)%12
    X = torch.randn(12, 20, generator=g)[y]+torch.randn(600, 20, generator=g)
    data = EmbeddingData('spots', X, y, dict(train=torch.arange(400), validation=torch.arange(400, 500), test=torch.arange(500, 600)))
    parts = dict(separation_weight=.1, discretisation_weight=.01, geometry_weight=.1)
    if BEFORE and hasattr(BasinConfig, 'mix_lr'): parts |= dict(placing='random', mix_lr=1.)
    found = fit(BasinConfig(epochs=3, k=4, scales=(32, 64), scheduler='one-cycle', **parts), data)
    assert isinstance(found.model, GeoFractalDavid)
    return [t.numpy() for t in found.model.state_dict().values()]


def main():
    warnings.simplefilter('ignore')
    for task,(X,y) in tasks().items():
        for kind,settings in {**KINDS, 'weighted': dict(weighted=True)}.items():
            arrays,temperature = learned(X, y, **settings)
            print(f'{task}, {kind}: {digest(arrays)} at {temperature}', flush=True)
    print(f'regularised: {digest(regularised())}')


if __name__=='__main__': main()
