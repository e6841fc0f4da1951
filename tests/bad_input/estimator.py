"The scikit-learn estimator; scikit-learn's own conditions stand in test_estimator.py"
import tempfile
from pathlib import Path

import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.estimator import GeoFractalClassifier, save_classifier
from geofractal_nb.models.density import density
from geofractal_nb.models.start import Moments
from geofractal_nb.subclasses import subclasses
from geofractal_nb.models.david import GeoFractalDavid, save_model

R = np.random.default_rng(0)
X,Y = R.normal(size=(40, 6)).astype(np.float32),np.arange(40)%2
NAN,INF = X.copy(),X.copy()
NAN[3,1],INF[3,1] = np.nan,np.inf
TINY = dict(k=1, scales=(8,), epochs=1, min_steps=0, validation_fraction=0)
FITTED = GeoFractalClassifier(**TINY).fit(X, Y)
FOLDER = tempfile.TemporaryDirectory()
PLAIN,TEXT,OURS = (Path(FOLDER.name)/n for n in ('plain.safetensors', 'text.safetensors', 'ours.safetensors'))
save_model(PLAIN, GeoFractalDavid(6, 2, 1, (8,)))
save_classifier(FITTED, OURS)
TEXT.write_text('words')
fit = lambda f, x=X, y=Y, weights=None, eval_set=None, **kw: f(**{**TINY, **kw}).fit(x, y, weights, eval_set)
name = 'estimator.GeoFractalClassifier'

RICH = GeoFractalClassifier(**{**TINY, 'validation_fraction': .2}).fit(X, Y)
PARTS = subclasses(RICH, X, Y)
DENSE = density(Moments(6, 2).add(torch.from_numpy(X), torch.from_numpy(Y)))

ROWS = [
    *(refused(name, lambda f, x=x: RICH.score_samples(x), words) for x,words in ((NAN, 'NaN'), (INF, 'infinity'), (X[:,:3], '6 features'), (X[0], '2D'))),
    refused(name, lambda f: RICH.score_samples(X, 'density'), 'measure must be one of'),
    *(refused(name, lambda f, v=v: fit(f, interpolation=v), 'interpolation') for v in (-.1, 1.1, np.nan, None, 'half', 'Auto')),
    *(refused(name, lambda f, v=v: fit(f, mix_lr=v), 'mix_lr') for v in (-1, np.nan, np.inf, None, '1')),
    right(name, lambda f: fit(f, interpolation=np.float32(.25)).interpolation_, .25),
    refused(name, lambda f: fit(f, interpolation=.5, start='random'), 'a start worth'),
    *(refused(name, lambda f, r=r: RICH.reject(X, r), 'rate') for r in (-.1, 1.1, np.nan, 'few')),
    refused(name, lambda f: FITTED.reject(X), 'keeps no scores'),
    right(name, lambda f: RICH.reject(X, 0).sum()<=RICH.reject(X, .5).sum()<RICH.reject(X, 1).sum() and RICH.score_samples(X.astype(np.float16)).shape==(40,), True),
    right(name, lambda f: RICH.reject(1e3*np.eye(6)[:1]-500).shape, (1,)),
    *(refused(name, lambda f, a=a: GeoFractalClassifier.load(OURS).add_classes(*a), words) for a,words in (
        ((X, Y), 'classes already'), ((X[:,:3], Y+2), '6 features'), ((NAN, Y+2), 'NaN'), ((X, Y[:3]), 'inconsistent'), ((X, X[:,0]), 'label type'))),
    *(refused(name, lambda f, v=v: GeoFractalClassifier.load(OURS).remove_classes(v), words) for v,words in (([7], 'none of the classes'), ([0], 'must stay'), (['a'], 'none of the classes'))),
    right(name, lambda f: GeoFractalClassifier.load(OURS).add_classes(X[:4], [-5, -5, 9, 9]).remove_classes(-5).classes_.tolist(), [0, 1, 9]),
    *(refused('models.classes.add_classes', lambda f, kw=kw: f(GeoFractalDavid(6, 2, 1, (8,)), X, torch.from_numpy(Y), **kw), words) for kw,words in (
        (dict(steps=-1), 'steps'), (dict(steps=.5), 'steps'), (dict(temperature=0), 'temperature'), (dict(temperature=np.nan), 'temperature'))),
    *(refused('models.classes.add_classes', lambda f, a=a: f(*a), words) for a,words in (
        ((GeoFractalDavid(6, 2, 1, (8,)), X, Y), 'int64'), ((None, X, Y), 'GeoFractalDavid'), ((GeoFractalDavid(6, 2, 1, (8,), reference=True), X, Y), 'depend on the batch'),
        ((GeoFractalDavid(6, 2, 1, (8,)), X, torch.from_numpy(Y)*2), 'needs a row'), ((GeoFractalDavid(6, 2, 1, (8,)), X[:3], torch.from_numpy(Y)), '3 rows but 40 labels'),
        ((GeoFractalDavid(6, 2, 1, (8,)), NAN, torch.from_numpy(Y)), 'finite'), ((GeoFractalDavid(6, 2, 1, (8,)), X, torch.from_numpy(Y)-1), '>= 0'))),
    *(refused(name, lambda f, t=t: f(scales=(8,), class_tree=t).fit(X, Y), words) for t,words in (
        ('oak', "None, 'ward' or a dictionary"), (3, 'a dictionary'), ([0, 1], 'a dictionary'), ({}, 'no groups are given'), ({0: 'a'}, 'no groups are given'), ({0: 'a', 1: ()}, 'equally many groups'),
        ({0: ['a', 'b'], 1: 'c'}, 'equally many groups'))),
    *(refused(name, lambda f, c=c: RICH.predict_prefix(X, c), 'confidence must be') for c in (.5, 2, None, np.nan)),
    refused(name, lambda f: RICH.predict_prefix(NAN), 'NaN'),
    right(name, lambda f: RICH.predict_prefix(X.astype(np.float16)).depth.shape, (40,)),
    *(refused('estimator.labelled_tree', lambda f, g=g: f(g, [0, 1]), words) for g,words in (
        (None, 'dictionary'), ({0: 'a'}, "['1']"), ({0: 'a', 1: None}, "['1']"), ({0: 'a', 1: ['b', 'c']}, 'equally many groups'), ({0: [], 1: []}, 'equally many groups'))),
    refused('estimator.labelled_tree', lambda f: f({0: 'a'}, [0]), 'at least 2 names'),
    right('estimator.labelled_tree', lambda f: f({0: 'a', 1: 7}, [0, 1]).names[0], ('7', 'a')),
    right('estimator.labelled_tree', lambda f: f({'0': 'a', 1: ['b'], 2: ('a',)}, np.arange(3)).groups[:,0].tolist(), [0, 1, 0]),
    *(refused('subclasses.subclasses', lambda f, a=a, kw=kw: f(*a, **kw), words) for a,kw,words in (
        ((None, X), {}, 'GeoFractalClassifier'), ((RICH, NAN), {}, 'NaN'), ((RICH, X, Y[:3]), {}, 'a label for each of 40 rows'), ((RICH, X, Y+5), {}, 'none of the classes'),
        ((RICH, X, [Y]), {}, 'vector of labels'), ((RICH, X), dict(names=['a']), 'a text for each of 40 rows'), ((RICH, X), dict(names='a'*40), 'a text for each'), ((RICH, X), dict(examples=0), 'examples'))),
    right('subclasses.subclasses', lambda f: f(RICH, X.astype(np.float16)).rows.sum(), 40),
    right('subclasses.subclasses', lambda f: f(RICH, torch.from_numpy(X), Y.tolist(), examples=100).examples[0].max()<40, True),
    refused('subclasses.Subclasses', lambda f: PARTS.describe(7), 'one of the 2 classes'),
    right('subclasses.Subclasses', lambda f: len(f(*[np.arange(2)]*5, torch.ones(2), torch.ones(2)).names), 0),
    *(refused('subclasses.plot_subclasses', lambda f, a=a: f(*a), words) for a,words in (
        ((None, 0), 'Subclasses'), ((PARTS, 9), 'one of the 2 classes'), ((PARTS, 0, 0), 'largest'), ((PARTS, 0, 8, 'left'), 'matplotlib Axes'))),
    refused('subclasses.plot_subclasses', lambda f: f(subclasses(RICH, X[Y==0], Y[Y==0]), 1), 'none of these rows'),
    right('subclasses.plot_subclasses', lambda f: len(f(PARTS, 0).collections)>1, True),
    right('models.classes.add_classes', lambda f: f(GeoFractalDavid(6, 2, 1, (8,)), X.astype(np.float64), torch.from_numpy(Y)).config['num_classes'], 4),
    *(refused('models.classes.remove_classes', lambda f, v=v: f(GeoFractalDavid(6, 3, 1, (8,)), v), words) for v,words in (([3], 'numbers in [0, 3)'), ([-1], 'numbers in'), (None, 'numbers in'), ('ab', 'numbers in'), ([0, 1], 'must stay'))),
    right('models.classes.remove_classes', lambda f: f(GeoFractalDavid(6, 3, 1, (8,)), np.array([1])).config['num_classes'], 2),
    *(refused('models.density.density', lambda f, m=m: f(m()), words) for m,words in (
        (lambda: None, 'Moments'), (lambda: Moments(6, 2), 'at least one row'), (lambda: Moments(6, 2).add(torch.full((2, 6), np.nan), torch.arange(2)), 'finite'))),
    right('models.density.density', lambda f: f(Moments(6, 3).add(torch.from_numpy(X), torch.from_numpy(Y))).scores(torch.from_numpy(X)).isfinite().all().item(), True),
    refused('models.density.Density', lambda f: DENSE.scores(torch.from_numpy(X), 'plain'), 'measure must be one of'),
    right('models.density.Density', lambda f: DENSE.distances(torch.from_numpy(X).double()).shape, (40,)),
    *(refused('hub.Shared', lambda f, v=v: GeoFractalClassifier.from_pretrained(v), 'name on the hub') for v in ('', None, 3, '/nowhere/at/all', './none', 'a/b/c')),
    refused('hub.Shared', lambda f: GeoFractalClassifier.from_pretrained(FOLDER.name), 'save_pretrained writes one'),
    refused('hub.Shared', lambda f: FITTED.save_pretrained(TEXT), 'is a file'),
    *(refused('hub.Shared', lambda f, v=v: FITTED.push_to_hub(v), 'owner/name') for v in ('plain', None, 'a/b/c')),
    right('hub.Shared', lambda f: (FITTED.save_pretrained(FOLDER.name+'/shared'), (GeoFractalClassifier.from_pretrained(FOLDER.name+'/shared').predict(X)==FITTED.predict(X)).all())[1], True),
    right('hub.classifier_card', lambda f: 'nothing was measured' in f(FITTED) and 'rows of 6 columns and 2 classes' in f(FITTED), True),
    *(refused('estimator.ArrayRows', lambda f, a=a: f(*a), words) for a,words in (
        ((X[0], Y, 2), 'X must have shape'), ((X, Y[:3], 2), 'y must have shape'), ((X, Y, 1), 'num_classes'), ((X, Y+1, 2), '[0, 2)'), ((None, Y, 2), 'X must'))),
    right('estimator.ArrayRows', lambda f: f(X.astype(np.float16), Y.tolist(), 2).batch(torch.tensor([1]))[1].tolist(), [1]),
    *(refused(name, lambda f, kw=kw: fit(f, **kw), words) for kw,words in (
        (dict(x=NAN), 'NaN'), (dict(x=INF), 'infinity'), (dict(x=X[:0], y=Y[:0]), '0 sample'), (dict(x=X[0]), '2D'),
        (dict(x=np.full((40, 6), 'a')), 'convert'), (dict(y=Y[:5]), '5'), (dict(y=Y*0), 'at least 2 classes'), (dict(y=Y+.5), 'label type'),
        (dict(y=np.where(Y, np.nan, 1.)), 'NaN'), (dict(weights=np.zeros(40)), 'non-zero'),
        (dict(weights=-np.ones(40)), 'egative'), (dict(weights=np.ones(3)), '(3,)'), (dict(weights=np.full(40, np.inf)), 'infinity'),
        (dict(eval_set=X), 'eval_set must be'), (dict(eval_set=(X, Y+5)), 'none of the classes'), (dict(eval_set=(X[:,:2], Y)), '6 features'),
        (dict(eval_set=(NAN, Y)), 'NaN'), (dict(k=0), 'k must'), (dict(k=9), '9-simplex'), (dict(scales=()), 'scales'), (dict(scales='wide'), 'scales'),
        (dict(terms=('none',)), 'terms'), (dict(epochs=0), 'epochs'), (dict(epochs=np.nan), 'epochs'), (dict(min_steps=-1), 'min_steps'),
        (dict(batch_size=0), 'batch_size'), (dict(learning_rate=0), 'learning_rate must be'), (dict(smoothing=1), 'smoothing'),
        (dict(validation_fraction=1.), 'validation_fraction'), (dict(precision='fp8'), 'precision'), (dict(device='moon'), 'device'),
        (dict(random_state='dice'), 'random_state'), (dict(random_state=-1), 'random_state'))),
    *(refused(name, lambda f, x=x, call=call: getattr(FITTED, call)(x), words) for call in ('predict', 'predict_proba', 'decision_function', 'transform', 'explain')
      for x,words in ((NAN, 'NaN'), (X[:,:3], '6 features'), (X[:0], '0 sample'), (X[0], '2D'))),
    refused(name, lambda f: f(**TINY).partial_fit(X, Y, classes=[0]), 'at least 2 classes'),
    refused(name, lambda f: f(**TINY).partial_fit(X, Y, classes=[3, 4]), 'none of the classes'),
    right(name, lambda f: fit(f, k=np.int64(1), scales=[8], x=X.astype(np.float64)).predict(X).tolist(), FITTED.predict(X).tolist()),
    right(name, lambda f: fit(f, y=[['a', 'b'][i] for i in Y]).classes_.tolist(), ['a', 'b']),
    right(name, lambda f: fit(f, random_state=np.random.RandomState(3)).predict(X).shape, (40,)),
    *(refused('estimator.score_threshold', lambda f, known=known, rate=rate: f(known, rate), words) for known,rate,words in (
        ([], .1, 'known must'), ([[1.]], .1, 'known must'), ([1, np.nan], .1, 'known must'), ([1.], 2, 'rate'), ([1.], 'few', 'rate'))),
    right('estimator.score_threshold', lambda f: [f([3, 1, 2], r) for r in (.2, .25, .5, .75, 1)], [-np.inf, 1, 2, 3, np.inf]),
    refused('estimator.save_classifier', lambda f: f(None, PLAIN), 'GeoFractalClassifier'),
    refused('estimator.checked_rows', lambda f: f(GeoFractalClassifier(), NAN, reset=True), 'NaN: drop such rows'),
    right('estimator.checked_rows', lambda f: f(GeoFractalClassifier(), X.tolist(), reset=True).shape, (40, 6)),
    *(refused('estimator.label_positions', lambda f, v=v: f(*v), words) for v,words in (
        (([[0]], [0, 1]), 'a vector of labels'), ((0, [0, 1]), 'a vector of labels'), (([0, 7], [0, 1]), 'none of the classes: [7]'),
        ((['a'], [0, 1]), 'none of the classes'), (([NAN[0,0]], [0, 1]), 'none of the classes'), ((None, ['a']), 'a vector of labels'))),
    right('estimator.label_positions', lambda f: f([5, 9, 5], [9, 5]).tolist(), [1, 0, 1]),
    right('estimator.label_positions', lambda f: f([], ['a', 'b']).tolist(), []),
    right('estimator.save_classifier', lambda f: f(FITTED, Path(FOLDER.name)/'again.safetensors'), None),
    refused('estimator.load_classifier', lambda f: f(PLAIN), 'no estimator'),
    refused('estimator.load_classifier', lambda f: f(TEXT), 'text.safetensors'),
    refused('estimator.load_classifier', lambda f: f(Path(FOLDER.name)/'none.safetensors'), 'none.safetensors'),
    refused('estimator.load_classifier', lambda f: f(None), 'path'),
    right('estimator.load_classifier', lambda f: (f(str(OURS)).predict(X)==FITTED.predict(X)).all(), True),
]
