"The estimator: scikit-learn's own conditions, files, many kinds of input"
import copy
import json
import pickle
import warnings

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize('start', ['discriminant', 'mixture'])
def test_rows_of_weight_zero_do_not_count_among_those_kept_away(start):
    "Whatever stands in them, nothing changes: not the weights, the temperature, the share, the figures"
    rows,labels = blobs(rows=300) # enough of them to choose a share
    more = rows.copy()
    more[::3] = blobs(rows=300, seed=1)[0][::3]
    weights = np.where(np.arange(300)%3==0, 0., 1.)
    settings = dict(validation_fraction=.3, refit=False, start=start)
    a,b = (clone(TINY).set_params(**settings).fit(x, labels, sample_weight=weights) for x in (rows, more))
    assert a.held_out_['rows']>=50 and a.held_out_==b.held_out_
    assert a.temperature_==b.temperature_ and a.interpolation_==b.interpolation_
    for n,t in a.weights_.items(): torch.testing.assert_close(t, b.weights_[n])


def test_the_first_piece_begins_at_its_weighted_rows():
    more = X.copy()
    more[::3] = blobs(seed=1)[0][::3]
    weights = np.where(np.arange(len(X))%3==0, 0., 1.)
    a,b = (clone(TINY).partial_fit(x, Y, sample_weight=weights) for x in (X, more))
    for n,t in a.weights_.items(): torch.testing.assert_close(t, b.weights_[n])


def test_what_fails_leaves_the_classifier_as_it_was():
    model = copy.deepcopy(FITTED)
    other = np.array(['c', 'b', 'a'])[Y]
    for bad in (dict(learning_rate=-1), dict(class_tree='oak'), dict(k=0), dict(interpolation=2)):
        with pytest.raises(ValueError): model.set_params(**bad).fit(X, other)
        with pytest.raises(ValueError, match='eval_set'): model.set_params(**FITTED.get_params()).fit(X, other, eval_set=X)
        assert (model.predict(X)==FITTED.predict(X)).all()
    with pytest.raises(ValueError): model.partial_fit(X, other)
    assert (model.predict_proba(X)==FITTED.predict_proba(X)).all()


def test_a_first_call_that_fails_is_as_if_it_had_not_been():
    for call in ('fit', 'partial_fit'):
        model = clone(TINY)
        with pytest.raises(ValueError, match='at least 2 classes'): getattr(model, call)(X[:1], Y[:1])
        with pytest.raises(NotFittedError): model.predict(X)
        with pytest.raises(ValueError, match='learning_rate must be'):
            getattr(model.set_params(learning_rate=-1), call)(X, Y)
        again = getattr(model.set_params(learning_rate=1e-3), call)(X, Y)
        assert (again.predict_proba(X)==getattr(clone(TINY), call)(X, Y).predict_proba(X)).all()


def test_pieces_name_the_same_classes():
    model = clone(TINY).partial_fit(X, Y, classes=[0, 1, 2])
    model.partial_fit(X, Y, classes=[2, 1, 0])
    with pytest.raises(ValueError, match='those of the first call'): model.partial_fit(X, Y, classes=[0, 1, 2, 3])


def test_a_pass_sees_every_row_of_its_piece(monkeypatch):
    seen = []
    from geofractal_nb.estimator import ArrayRows
    whole = ArrayRows.batch
    monkeypatch.setattr(ArrayRows, 'batch', lambda self, rows: (seen.extend(rows.tolist()), whole(self, rows))[1])
    model = clone(TINY).set_params(batch_size=40, start='random')
    model.partial_fit(X, Y)
    assert sorted(seen)==list(range(len(X)))


def test_a_pass_after_fit_goes_on_where_fit_ended():
    "At a rate that moves nothing, nothing moves; and nothing is claimed that was measured before"
    model = clone(TINY).set_params(validation_fraction=.3).fit(X, Y)
    before = copy.deepcopy(model)
    model.set_params(learning_rate=1e-12).partial_fit(X[::-1], Y[::-1])
    assert model.temperature_==pytest.approx(before.temperature_, rel=1e-5)
    np.testing.assert_allclose(model.predict_proba(X), before.predict_proba(X), atol=1e-5)
    assert before.held_out_ and model.held_out_ is None and model.typical_ is None
    with pytest.raises(ValueError, match='keeps no scores'): model.reject(X)


def test_settings_of_the_form_cannot_change_between_passes():
    for changed in (dict(scales=(8,)), dict(k=3), dict(terms=('feature',)), dict(start='random')):
        model = copy.deepcopy(FITTED).set_params(**changed)
        with pytest.raises(ValueError, match='fit anew'): model.partial_fit(X, Y)
        names = model.get_feature_names_out()
        assert len(names)==model.transform(X).shape[1]==16


def test_rows_beyond_single_precision_are_refused_and_large_ones_welcome():
    wide = X.astype(float)
    np.testing.assert_allclose(FITTED.predict_proba(wide*1e30), FITTED.predict_proba(X), atol=1e-5)
    for size in (1e200, 1e-60):
        for call in (FITTED.predict_proba, FITTED.explain, lambda x: clone(TINY).fit(x, Y)):
            with pytest.raises(ValueError, match='must fit float32, the largest value of row 0'): call(wide*size)
    assert FITTED.predict(np.zeros((1, 8))).shape==(1,)


def test_views_and_rows_that_are_only_read():
    read = X.copy()
    read.setflags(write=False)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert (FITTED.predict(X[::-1])==FITTED.predict(X)[::-1]).all()
        model = clone(TINY).set_params(validation_fraction=.3).fit(read, Y, eval_set=(read[::-1], Y[::-1]))
        assert (model.predict_proba(read)==model.predict_proba(X)).all()
        assert (model.predict_proba(np.asfortranarray(X))==model.predict_proba(X)).all()
        model.add_classes(X[:5][::-1]+9, [7]*5, steps=1)


def test_a_data_frame_is_fitted_without_a_warning():
    frame = pd.DataFrame(X, columns=[f'f{i}' for i in range(8)])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        model = clone(TINY).set_params(validation_fraction=.3).fit(frame, Y, class_texts={c: X[c] for c in range(3)})
        model.fit(frame, Y, eval_set=(frame, Y)).predict(frame)


def test_nobody_sees_a_model_that_is_half_built(monkeypatch):
    model,whole = copy.deepcopy(FITTED),GeoFractalDavid.load_state_dict
    def load(self, *args, **kwargs):
        assert model._built is None
        return whole(self, *args, **kwargs)
    monkeypatch.setattr(GeoFractalDavid, 'load_state_dict', load)
    assert (model.predict(X)==FITTED.predict(X)).all()


def test_settings_of_numpy_survive_a_file(tmp_path):
    kinds = dict(epochs=np.int64(1), learning_rate=np.float32(.001), scales=np.array([16]), refit=np.bool_(False),
                 random_state=np.int64(7), class_tree={c: [np.int64(c%2)] for c in np.unique(Y)})
    model = clone(TINY).set_params(**kinds).fit(X, Y)
    model.save(tmp_path/'m.safetensors')
    again = GeoFractalClassifier.load(tmp_path/'m.safetensors')
    assert again.random_state==7 and again.scales==(16,) and again.epochs==1 and again.refit is False
    assert (again.predict_proba(X)==model.predict_proba(X)).all()
    assert again.class_tree_.names==model.class_tree_.names


def test_groups_are_found_for_labels_of_any_type():
    for labels,groups in ((Y.astype(float), {0.: 3, 1.: 3, 2.: 4}), (Y.astype(float), {0: 'a', 1: 'a', 2: 'b'}),
                          (Y, {0: (1,), 1: (1,), 2: (2,)})):
        model = clone(TINY).set_params(class_tree=groups).fit(X, labels)
        assert len(model.class_tree_.names[0])==2
        assert model.predict_prefix(X).depth.shape==(90,)


def test_new_classes_fit_in_or_nothing_changes():
    model = clone(TINY).set_params(validation_fraction=.3, class_tree={0: 'a', 1: 'a', 2: 'b'}).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="labels like those of the others"): model.add_classes(X[:5], ['new']*5)
    with pytest.raises(ValueError, match=r"no groups are given for \['9'\]"): model.add_classes(X[:5], [9]*5)
    assert (model.predict_proba(X)==before).all() and model.held_out_
    model.set_params(class_tree={0: 'a', 1: 'a', 2: 'b', 9: 'b'}).add_classes(X[:5]+9, [9]*5, steps=1)
    assert model.held_out_ is None and len(model.class_tree_.names[1])==4
    with pytest.raises(ValueError, match='labels holds labels that are none of the classes'): model.remove_classes('a')
