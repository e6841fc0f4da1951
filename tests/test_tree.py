"Hierarchies of classes: nested groups, addresses, predictions that stop; clusters and sub-classes"
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import adjusted_mutual_info_score
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.estimator import GeoFractalClassifier
from geofractal_nb.geometry.cantor import cantor_function
from geofractal_nb.geometry.tree import (known_tree, predict_prefix, tree_digits, tree_distance,
                                         tree_places, ward_tree)
from geofractal_nb.models.start import class_clusters, nearest_cluster
from geofractal_nb.subclasses import subclasses

seeds = st.integers(0, 2**31)


def random_tree(seed, classes, kind):
    "A tree of some classes, found or known, of any shape"
    gen = generator(seed, 'tree', classes)
    if kind=='ward': return ward_tree(torch.randn(classes, 3, generator=gen))
    if kind=='same': return ward_tree(torch.zeros(classes, 2))
    draw = lambda n: torch.randint(n, (classes,), generator=gen).tolist()
    return known_tree(list(range(classes)), draw(3), draw(4))


trees = st.builds(random_tree, seeds, st.integers(2, 40), st.sampled_from(('ward', 'same', 'known')))


@settings(max_examples=60, deadline=None)
@given(trees)
def test_groups_are_nested_and_intervals(tree):
    G,order = tree.groups,tree.order
    assert sorted(order.tolist())==list(range(tree.num_classes))
    for coarse,fine in zip(G.T[:-1], G.T[1:]): # a fine group lies in one coarse group
        pairs = torch.stack([coarse, fine], 1).unique(dim=0)
        assert len(pairs)==len(fine.unique())
    for d,g in enumerate(G.T):
        assert (g[order].diff()>=0).all() and len(tree.names[d])==len(g.unique())==int(g.max())+1


@settings(max_examples=60, deadline=None)
@given(trees)
def test_a_prefix_of_digits_is_a_group(tree):
    digits,G = tree_digits(tree),tree.groups
    assert ((digits==0) | (digits==2)).all()
    same_group = (G[:,None]==G[None]).all(2)
    assert ((digits[:,None]==digits[None]).all(2)==same_group).all()
    if digits.shape[1]<=32: # what double precision tells apart
        places = tree_places(tree)
        assert (places[tree.order].diff()>0).all()
        assert (cantor_function(places)[tree.order].diff()>-1e-9).all()


@settings(max_examples=60, deadline=None)
@given(trees, seeds)
def test_distance_is_an_ultrametric(tree, seed):
    a,b,c = torch.randint(tree.num_classes, (3, 50), generator=generator(seed, 'classes'))
    d = lambda x, y: tree_distance(tree, x, y)
    assert (d(a, a)==0).all() and (d(a, b)==d(b, a)).all()
    assert ((d(a, b)==0)==(a==b)).all()
    assert (d(a, c)<=torch.maximum(d(a, b), d(b, c))).all()


@settings(max_examples=60, deadline=None)
@given(trees, seeds, st.floats(.51, 1), st.floats(.51, 1))
def test_more_confidence_never_goes_deeper(tree, seed, one, other):
    gen = generator(seed, 'rows')
    P = torch.softmax(4*torch.randn(30, tree.num_classes, generator=gen).double(), 1)
    less,more = (predict_prefix(P, tree, c) for c in sorted((one, other)))
    assert (more.depth<=less.depth).all()
    for kept,at in ((less, min(one, other)), (more, max(one, other))):
        assert (kept.probability>=at-1e-12).all()
        for i in range(len(kept)): # the group's probability is the sum over its classes
            if kept.depth[i]:
                own = tree.groups[:,kept.depth[i]-1]==kept.group[i]
                assert_close(P[i,own].sum(), kept.probability[i])
                assert own.sum()==kept.size[i]


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 5), st.integers(1, 6), st.integers(1, 60))
def test_centres_are_means_of_their_rows(seed, classes, count, rows):
    gen = generator(seed, 'rows')
    x,y = torch.randn(rows, 3, generator=gen),torch.randint(classes, (rows,), generator=gen)
    centers = class_clusters(x, y, classes, count, seed, steps=200)
    here = ~centers.isnan().any(2)
    assert (here.sum(1)==torch.bincount(y, minlength=classes).clamp(max=count)).all()
    own = nearest_cluster(x, y, centers)
    for c in range(classes):
        for v in range(count):
            part = x[(y==c) & (own==v)]
            if len(part): assert_close(part.mean(0), centers[c,v], atol=1e-4, rtol=1e-4)


def unions(seed=0, classes=3, parts=4, rows=360, width=10):
    gen = generator(seed, 'unions')
    half = torch.randn(classes, parts//2, width, generator=gen)
    spots = torch.cat([half, -half], 1) # all class means lie at the origin
    y,part = torch.arange(rows)%classes,torch.arange(rows)//classes%parts
    return (spots[y,part]+.2*torch.randn(rows, width, generator=gen)).numpy(),y.numpy(),part.numpy()


@pytest.fixture(scope='module')
def mixture():
    X,y,part = unions()
    settings = dict(k=3, scales=(24,), start='mixture', terms=('crystal',), refit=False)
    tree = {0: 'low', 1: 'low', 2: 'high'}
    return GeoFractalClassifier(class_tree=tree, **settings).fit(X, y),X,y,part


def test_a_mixture_is_kept_by_its_file(mixture, tmp_path):
    model,X,y,part = mixture
    model.save(tmp_path/'mixture.safetensors')
    again = GeoFractalClassifier.load(tmp_path/'mixture.safetensors')
    assert (again.predict_proba(X)==model.predict_proba(X)).all()
    assert again.predict_prefix(X, .9).names==model.predict_prefix(X, .9).names
    assert again.start=='mixture' and again.class_tree_.names[0]==('high', 'low')


def test_vertices_are_the_parts(mixture):
    model,X,y,part = mixture
    found = subclasses(model, X, y)
    assert (found.rows.sum(1)==np.bincount(y)).all()
    told = [adjusted_mutual_info_score(part[y==c], found.vertex[y==c]) for c in range(3)]
    assert np.mean(told)>.6 # 0 by chance; k-means may join two parts of a class
    q,V = found.queries,found.vertices
    for (c,v),near in zip(np.ndindex(found.rows.shape), found.examples.reshape(-1, 5)):
        near = near[near>=0]
        distance = (q[near]-V[c,v]).norm(dim=1)
        assert (distance.diff()>=-1e-6).all() and (found.labels[near]==c).all()


def test_a_tree_given_or_found_changes_only_the_order_on_the_stairs():
    X,y,_ = unions(1)
    fits = [GeoFractalClassifier(scales=(16,), epochs=1, min_steps=1, refit=False, class_tree=t,
                                 learning_rate=1e-12).fit(X, y) for t in (None, 'ward')]
    a,b = (m.weights_ for m in fits)
    moved = {n for n in a if not torch.equal(a[n], b[n])}
    moved = {n for n in moved if (a[n]-b[n]).abs().max()>1e-6}
    stairs = {n for n in a if 'cantor_prototypes' in n or 'feature_to_position' in n}
    assert moved<=stairs and any('cantor_prototypes' in n for n in moved)


def test_series_count_by_place_not_by_their_index():
    import pandas as pd
    series = lambda v: pd.Series(v, index=[2, 0, 1])
    tree = known_tree(series(['cat', 'dog', 'oak']), series(['animal', 'animal', 'plant']))
    assert tree.names==(('animal', 'plant'), ('cat', 'dog', 'oak')) and tree==tree
