"The estimator: scikit-learn's own conditions, files, many kinds of input"
import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings, strategies as st
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.utils.estimator_checks import parametrize_with_checks

from geofractal_nb.estimator import GeoFractalClassifier
from geofractal_nb.models.david import GeoFractalDavid

SMALL = dict(k=2, scales=(32,), min_steps=100, refit=False)
# scikit-learn's own classifiers that take random batches carry the same exception (SGDClassifier, MLPClassifier)
BATCHES = {'check_sample_weight_equivalence_on_dense_data': 'rows that are repeated fall into other batches'}


@parametrize_with_checks([GeoFractalClassifier(**SMALL)], expected_failed_checks=lambda e: BATCHES)
def test_conditions_of_scikit_learn(estimator, check): check(estimator)


def blobs(rows=90, classes=3, width=8, seed=0):
    r = np.random.default_rng(seed)
    y = np.arange(rows)%classes
    return (4*r.normal(size=(classes, width))[y]+r.normal(size=(rows, width))).astype(np.float32),y


X,Y = blobs()
TINY = GeoFractalClassifier(k=1, scales=(16,), epochs=1, min_steps=20, validation_fraction=0)
FITTED = clone(TINY).fit(X, Y)


def test_one_batch_with_weights_is_the_same_as_with_rows_repeated():
    weights = np.where(np.arange(len(X))<20, 2., 1.)
    repeated = np.concatenate([np.arange(len(X)), np.arange(20)])
    one = dict(batch_size=1000, epochs=3, min_steps=0, start='random') # shrinkage counts rows
    a = clone(TINY).set_params(**one).fit(X, Y, sample_weight=weights)
    b = clone(TINY).set_params(**one).fit(X[repeated], Y[repeated])
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-4)


def test_weight_zero_is_without_influence():
    other = X.copy()
    other[:10] = 1e3
    weights = np.where(np.arange(len(X))<10, 0., 1.)
    one = dict(batch_size=1000, epochs=3, min_steps=0)
    a,b = (clone(TINY).set_params(**one).fit(x, Y, sample_weight=weights) for x in (X, other))
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize('labels', [Y.astype(np.int8), Y*10-7, Y.astype(float), np.array(['é', 'b', 'ab'])[Y],
                                    np.array(['é', 'b', 'ab'], dtype=object)[Y], Y>0])
def test_labels_of_every_kind_come_back_and_survive_a_file(labels, tmp_path):
    model = clone(TINY).fit(X, labels)
    model.save(tmp_path/'m.safetensors')
    again = GeoFractalClassifier.load(tmp_path/'m.safetensors')
    assert again.classes_.dtype==model.classes_.dtype and (again.classes_==np.unique(labels)).all()
    assert (again.predict(X)==model.predict(X)).all() and (again.predict_proba(X)==model.predict_proba(X)).all()
    assert set(model.predict(X).tolist())<=set(labels.tolist())


@pytest.mark.parametrize('form', [lambda x: x.astype(np.float64), lambda x: x.tolist(), torch.from_numpy, lambda x: np.repeat(x, 2, 0)[::2], lambda x: x.astype('>f4')])
def test_any_form_of_the_same_rows_gives_the_same_answer(form):
    np.testing.assert_array_equal(FITTED.predict_proba(form(X)), FITTED.predict_proba(X))


def test_frames_and_memory_maps(tmp_path):
    pd = pytest.importorskip('pandas')
    names = [f'c{i}' for i in range(X.shape[1])]
    framed = clone(TINY).fit(pd.DataFrame(X, columns=names), pd.Series(Y))
    framed.save(tmp_path/'m.safetensors')
    again = GeoFractalClassifier.load(tmp_path/'m.safetensors')
    assert again.feature_names_in_.tolist()==names
    with pytest.raises(ValueError, match='feature names'): again.predict(pd.DataFrame(X, columns=names[::-1]))
    np.save(tmp_path/'x.npy', X)
    mapped = clone(TINY).fit(np.load(tmp_path/'x.npy', mmap_mode='r'), Y)
    assert (mapped.predict_proba(X)==FITTED.predict_proba(X)).all()


def test_same_seed_same_bits_and_global_generators_untouched():
    torch.manual_seed(5), np.random.seed(5)
    before = torch.get_rng_state(),np.random.get_state()[1].copy()
    again = clone(TINY).fit(X, Y)
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1]==np.random.get_state()[1]).all()
    assert all(torch.equal(t, again.weights_[n]) for n,t in FITTED.weights_.items())
    other = clone(TINY).set_params(random_state=1).fit(X, Y)
    assert any(not torch.equal(t, other.weights_[n]) for n,t in again.weights_.items())


def test_held_out_rows_set_the_temperature_and_refitting_the_weights():
    settings = dict(validation_fraction=.2, epochs=2, min_steps=0)
    base = clone(TINY).set_params(**settings)
    kept,again = (clone(base).set_params(refit=r).fit(X, Y) for r in (False, True))
    without = clone(base).set_params(validation_fraction=0).fit(X, Y)
    assert kept.temperature_==again.temperature_!=without.temperature_
    assert all(torch.equal(t, without.weights_[n]) for n,t in again.weights_.items())
    own = clone(base).fit(X, Y, eval_set=(X[:30], Y[:30]))
    assert all(torch.equal(t, without.weights_[n]) for n,t in own.weights_.items())


def test_rows_kept_away_say_how_far_to_go_from_the_start():
    gen = np.random.default_rng(0)
    middle,y = gen.normal(size=(30, 60)),np.arange(900)%30 # one covariance: the discriminant is the truth
    x = middle[y]+1.6*gen.normal(size=(900, 60))
    model = GeoFractalClassifier(k=1, scales=(48,), epochs=60, min_steps=400, validation_fraction=0)
    few,away = (x[:120], y[:120]),(x[400:], y[400:])
    ends = {w: clone(model).set_params(interpolation=w).fit(*few, eval_set=(x[120:400], y[120:400])) for w in (0, 1, 'auto')}
    assert [ends[w].interpolation_ for w in (0, 1)]==[0, 1] and ends['auto'].interpolation_<1
    assert ends[0].score(*away)>ends[1].score(*away)
    nearest = {w: m.predict_log_proba(away[0])[np.arange(500),away[1]].mean() for w,m in ends.items()}
    assert nearest['auto']>nearest[1]
    alone = clone(model).set_params(interpolation=0).fit(*few)
    assert all(torch.equal(t, ends[0].weights_[n]) for n,t in alone.weights_.items())


def test_there_is_no_way_back_to_a_start_at_random(monkeypatch):
    monkeypatch.setattr('geofractal_nb.training.basin.MAX_WIDTH', 1) # too wide for a covariance
    wide = clone(TINY).set_params(interpolation=.5).fit(X, Y)
    assert wide.interpolation_==1
    plain = clone(TINY).set_params(interpolation=1).fit(X, Y)
    assert all(torch.equal(t, plain.weights_[n]) for n,t in wide.weights_.items())


def test_the_share_of_the_way_is_kept_in_the_file(tmp_path):
    half = clone(TINY).set_params(interpolation=.5).fit(X, Y)
    half.save(tmp_path/'half.safetensors')
    again = GeoFractalClassifier.load(tmp_path/'half.safetensors')
    assert again.interpolation_==half.interpolation_==.5 and again.interpolation==.5
    assert (again.predict_proba(X)==half.predict_proba(X)).all()
    assert half.partial_fit(X, Y).interpolation_==1


def test_single_rows_of_a_class_are_never_held_out():
    model = clone(TINY).set_params(validation_fraction=.5).fit(X[:3], ['a', 'b', 'c'])
    assert model.classes_.tolist()==['a', 'b', 'c'] and model.predict_proba(X).shape==(90, 3)


def test_passes_over_pieces_are_the_passes_of_one_epoch():
    "partial_fit twice is not fit, but partial_fit of the same pieces twice is the same"
    def run():
        m = clone(TINY)
        for part in (slice(0, 45), slice(45, 90)): m.partial_fit(X[part], Y[part], classes=[0, 1, 2])
        return m
    a,b = run(),run()
    assert all(torch.equal(t, b.weights_[n]) for n,t in a.weights_.items())
    before = {n: t.clone() for n,t in a.weights_.items()}
    pickle.loads(pickle.dumps(a)).partial_fit(X, Y)
    assert all(torch.equal(t, a.weights_[n]) for n,t in before.items()) # the copy went on, not the original
    with pytest.raises(ValueError, match='none of the classes'): a.partial_fit(X[:1], [9])


def test_a_pass_moves_weights_at_the_full_learning_rate():
    "The first step of Adam moves a parameter by its learning rate"
    m = clone(TINY).set_params(batch_size=90, weight_decay=0., start='random').partial_fit(X, Y)
    start = GeoFractalDavid(**m.config_).state_dict()['heads.16.class_prototypes']
    moved = (m.weights_['heads.16.class_prototypes']-start).abs()
    np.testing.assert_allclose(moved.max(), 1e-3, rtol=.01)


def test_pickle_holds_weights_once():
    assert len(pickle.dumps(FITTED))<1.5*sum(t.numel()*4 for t in FITTED.weights_.values())+10**5
    assert (pickle.loads(pickle.dumps(FITTED)).predict_proba(X)==FITTED.predict_proba(X)).all()


@settings(deadline=None, max_examples=30)
@given(st.floats(1e-6, 1e6), st.integers(1, 40))
def test_probabilities_are_probabilities(size, rows):
    p = FITTED.predict_proba(X[:rows]*np.float32(size))
    assert p.shape==(rows, 3) and (p>=0).all() and np.isfinite(FITTED.predict_log_proba(X[:rows])).all()
    np.testing.assert_allclose(p.sum(1), 1, atol=1e-6)


def test_explanations_name_the_predicted_class():
    words = np.array(['x', 'y', 'z'])
    model = clone(TINY).fit(X, words[Y])
    found = model.explain(X[:5])
    assert [r[1] for r in found.rows()[1:]]==model.predict(X[:5]).tolist()


@pytest.mark.parametrize('change,words', [
    (dict(classes=[5]), '1 classes for a model of 3'), (dict(kind='O3'), 'damaged'),
    (dict(params={'nonsense': 1}), 'damaged'), (dict(params=5), 'damaged'),
    (dict(temperature=-1.), 'temperature'), (dict(temperature='hot'), 'temperature'), (dict(classes=7), 'no estimator')])
def test_damaged_headers_are_refused(change, words, tmp_path):
    FITTED.save(tmp_path/'m.safetensors')
    with safe_open(tmp_path/'m.safetensors', 'pt') as f: meta = f.metadata()
    key = next(k for k,v in meta.items() if 'estimator' in v or k=='estimator')
    about = json.loads(meta[key])
    (about['estimator'] if 'estimator' in about else about).update(change)
    save_file(load_file(tmp_path/'m.safetensors'), tmp_path/'d.safetensors', {**meta, key: json.dumps(about)})
    with pytest.raises(ValueError, match=words): GeoFractalClassifier.load(tmp_path/'d.safetensors')


def test_unfitted_is_said():
    for call in (TINY.predict, TINY.predict_proba, TINY.decision_function, TINY.transform, TINY.explain):
        with pytest.raises(NotFittedError): call(X)
    with pytest.raises(NotFittedError): TINY.save('x.safetensors')


def test_names_of_classes_are_rows_that_are_always_trained_on():
    words = np.array(['x', 'y', 'z'])[Y]
    texts = dict(zip('xyz', X[:3]+1))
    stacked = np.r_[X, X[:3]+1],np.r_[words, ['x', 'y', 'z']]
    for weights,more in ((None, None), (np.linspace(.5, 1.5, len(X)), np.r_[np.linspace(.5, 1.5, len(X)), 1, 1, 1])):
        a = clone(TINY).fit(X, words, weights, class_texts=texts)
        b = clone(TINY).fit(*stacked, more)
        np.testing.assert_array_equal(a.predict_proba(X), b.predict_proba(X))
    held = clone(TINY).set_params(validation_fraction=.3).fit(X, words, class_texts=texts)
    assert held.held_out_['rows']<len(X) # of X alone


def test_a_name_alone_makes_a_class():
    known = Y!=2
    model = clone(TINY).fit(X[known], Y[known], class_texts={2: X[~known].mean(0)})
    assert model.classes_.tolist()==[0, 1, 2] and (model.predict(X[~known])==2).mean()>.9


@pytest.mark.parametrize('texts,words', [
    ({}, 'dictionary'), ([X[0]], 'dictionary'), ({0: X[0], 1: X[1,:3]}, r'shape \(F,\)'), ({0: X[:2]}, r'shape \(F,\)'), ({0: 1.}, r'shape \(F,\)'),
    ({0: X[0,:5]}, '5 features'), ({0: np.full(8, np.nan)}, 'NaN'), ({'zero': X[0]}, 'labels like those'), ({0: ['a']*8}, 'could not convert|numeric|valid')])
def test_names_that_are_no_rows_are_refused(texts, words):
    with pytest.raises(ValueError, match=words): clone(TINY).fit(X, Y, class_texts=texts)
