"Data sets: splits, every file format, everything that can be wrong with them"
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.data.embeddings import DATASETS, load_dataset
from geofractal_nb.data.splits import EmbeddingData, check_labels, make_splits
from geofractal_nb.data.text import condition_key, distinct_conditions
from geofractal_nb.storage import save_tensors


@given(st.lists(st.integers(12, 40), min_size=2, max_size=30), st.integers(0, 99), st.sampled_from([.1, .25, .4]))
def test_splits_are_disjoint_complete_and_stratified(sizes, seed, test):
    y = torch.arange(len(sizes)).repeat_interleave(torch.tensor(sizes))
    y = y[torch.randperm(len(y), generator=generator(seed))]
    s = make_splits(y, seed, test=test)
    assert_close(torch.cat(list(s.values())).sort().values, torch.arange(len(y)))
    assert (torch.bincount(y[s['train']], minlength=len(sizes))>0).all()
    counts = torch.bincount(y[s['test']], minlength=len(sizes))
    assert ((counts-test*torch.tensor(sizes)).abs()<=1.001).all()
    assert torch.equal(s['test'], make_splits(y, seed+1, test=test)['test'])


def as_safetensors(p, X, y): save_tensors(p/'d.safetensors', {'features': X, 'labels': y}); return p/'d.safetensors'
def as_half(p, X, y): save_tensors(p/'d.safetensors', {'embeddings': X.half(), 'targets': y}); return p/'d.safetensors'
def as_npz(p, X, y): np.savez(p/'d.npz', features=X, labels=y); return p/'d.npz'
def as_packed_npz(p, X, y): np.savez_compressed(p/'d.npz', X=X, y=y); return p/'d.npz'
def as_npy(p, X, y): np.save(p/'d.npy', X); np.save(p/'d_labels.npy', y); return p/'d.npy'
def as_npy_pair(p, X, y): np.save(p/'features.npy', X); np.save(p/'labels.npy', y); return p/'features.npy'


def as_parquet(p, X, y):
    import pyarrow as pa
    import pyarrow.parquet as pq
    pq.write_table(pa.table({'clip_features': list(X.numpy()), 'label': y.numpy(), 'path': [f'{i}.jpg' for i in range(len(y))]}), p/'d.parquet', row_group_size=50)
    return p/'d.parquet'


@pytest.mark.parametrize('write', [as_safetensors, as_half, as_npz, as_packed_npz, as_npy, as_npy_pair, as_parquet])
def test_every_format_gives_the_same_rows(write, toy, tmp_path, cache):
    _,X,y = toy
    d = load_dataset(write(tmp_path, X, y))
    rows = torch.tensor([7, 0, 239])
    assert_close(d.batch(rows)[0], X[rows], atol=2e-2 if write is as_half else 0, rtol=0)
    assert torch.equal(d.labels, y)
    again = load_dataset(tmp_path/d.name if (tmp_path/d.name).exists() else write(tmp_path, X, y))
    assert torch.equal(again.splits['test'], d.splits['test'])


@pytest.mark.parametrize('write', [as_safetensors, as_npz, as_npy, as_parquet])
def test_features_stay_in_their_file(write, tmp_path, cache):
    X,y = torch.ones(4000, 500),torch.arange(4000)%4
    d = load_dataset(write(tmp_path, X, y))
    maps,at = Path('/proc/self/maps'),d.features.data_ptr()
    if not maps.exists(): pytest.skip('no /proc')
    holds = lambda line: (lambda low,high: low<=at<high)(*(int(x, 16) for x in line.split()[0].split('-')))
    line = next(l for l in maps.read_text().splitlines() if holds(l))
    assert str(tmp_path) in line, 'the features are in anonymous memory, not in a mapped file'


def test_a_hub_dataset_of_parquet_files(toy, tmp_path, cache):
    pytest.importorskip('datasets')
    _,X,y = toy
    folder = tmp_path/'hub'/'clip'
    folder.mkdir(parents=True)
    as_parquet(tmp_path, X[:180], y[:180]).rename(folder/'train.parquet')
    as_parquet(tmp_path, X[180:], y[180:]).rename(folder/'validation.parquet')
    d = load_dataset(str(folder))
    assert torch.equal(d.splits['test'], torch.arange(180, 240)) # the official rows are held out
    assert_close(d.batch(torch.arange(240))[0], X)


def test_a_new_data_set_is_one_entry(toy):
    _,X,y = toy
    DATASETS['mine'] = lambda: (X, y, {'class_names': ['a', 'b', 'c']})
    try: assert load_dataset('mine').class_names==('a', 'b', 'c')
    finally: del DATASETS['mine']


def test_synthetic_data_resume_to_the_same_bytes(cache, monkeypatch):
    import geofractal_nb.data.store as store
    args = dict(num_classes=40, per_class=1000, width=8)
    save,calls = store.save_json,[]
    def dies(path, value):
        save(path, value)
        calls.append(path)
        if len(calls)==2: raise KeyboardInterrupt
    monkeypatch.setattr(store, 'save_json', dies)
    with pytest.raises(KeyboardInterrupt): load_dataset('clip_like', folder=cache/'a', **args)
    monkeypatch.setattr(store, 'save_json', save)
    assert [p.suffix for p in (cache/'a').iterdir() if p.suffix=='.partial']
    a,b = (load_dataset('clip_like', folder=cache/f, **args) for f in 'ab')
    assert torch.equal(a.features, b.features) and torch.equal(a.labels, b.labels)
    assert (torch.bincount(a.labels)==1000).all()


def test_near_duplicates_are_merged():
    codes = [('S1', f'Cut {w} of {side} hand, {e} encounter for x') for w in 'abcdefgh' for side in ('left', 'right', 'unspecified') for e in ('initial', 'subsequent')]
    assert len(distinct_conditions(codes))==8


def test_a_side_is_no_condition_but_a_place_is():
    key = lambda where: condition_key(f'Open bite of {where}')
    assert key('left thumb')==key('right thumb')==key('thumb, initial encounter')
    assert key('left thumb')!=key('right ear') and key('thumb')!=key('ear')


def test_a_data_set_without_test_rows_is_refused():
    with pytest.raises(ValueError, match='test split is empty'): load_dataset('digits', test=0.)


nan,inf = float('nan'),float('inf')


@pytest.mark.parametrize('change, message', [
    (lambda X,y: (X.index_put((torch.tensor(3), torch.tensor(2)), torch.tensor(nan)), y), 'row 3 has NaN'),
    (lambda X,y: (X.index_put((torch.tensor(5), torch.tensor(0)), torch.tensor(inf)), y), 'row 5 has NaN or infinity'),
    (lambda X,y: (X[:100], y), 'must match one to one'),
    (lambda X,y: (X[:,0], y), r'shape \(N, F\)'),
    (lambda X,y: (X.long(), y), 'floating point'),
    (lambda X,y: (X, y-1), 'labels must be >= 0'),
    (lambda X,y: (X, y+.5), 'whole numbers'),
    (lambda X,y: (X, y*2), 'classes without a sample'),
    (lambda X,y: (X, y*0), 'single class'),
    (lambda X,y: (X[:0], y[:0]), 'non-empty'),
    (lambda X,y: (X[:3], y[:3]), 'split is empty'),
])
def test_bad_contents_are_named(change, message, toy, tmp_path):
    _,X,y = toy
    X,y = change(X, y)
    with pytest.raises(ValueError, match=message): load_dataset(as_npz(tmp_path, X, y))


@pytest.mark.parametrize('name', ['a.parquet', 'a.npz', 'a.npy', 'a.safetensors'])
@pytest.mark.parametrize('content', [b'', b'hello', b'PK\x03\x04 cut', b'\x93NUMPY\x01\x00', bytes(200)])
def test_unreadable_files_are_named_and_leave_nothing(name, content, tmp_path, cache):
    (tmp_path/name).write_bytes(content)
    np.save(tmp_path/'a_labels.npy', np.arange(3))
    with pytest.raises(ValueError, match=r'a\.(parquet|npz|npy|safetensors)'): load_dataset(tmp_path/name)
    assert not cache.exists()


def test_unknown_names_and_columns(toy):
    with pytest.raises(ValueError, match="unknown dataset 'mnist'"): load_dataset('mnist')
    with pytest.raises(ValueError, match='no file'): load_dataset('nowhere.npz')
    with pytest.raises(ValueError, match="expected one of"): load_dataset(toy[0], feature_column='pixels')
    with pytest.raises(ValueError, match='out of range for 2 classes'): check_labels([0, 1, 2], 2)
    with pytest.raises(ValueError, match='val must be'): load_dataset(toy[0], val=1.5)


SPLITS = {'train': torch.arange(6), 'validation': torch.arange(6, 9), 'test': torch.arange(9, 12)}


@pytest.mark.parametrize('change, message', [
    ({'test': torch.arange(5, 12)}, 'the test split has a row of another split: row .5.'),
    ({'validation': [0, 6]}, 'the validation split has a row of another split'), ({'validation': []}, 'whole row numbers|non-empty'),
    ({'test': torch.zeros(0, dtype=torch.long)}, 'the test split must be a non-empty vector'), ({'test': [9, 12]}, 'row 12, rows are 0 to 11'),
    ({'test': [9, -1]}, 'row -1'), ({'test': [9, 9]}, 'has a row twice'), ({'test': [9., 10.]}, 'whole row numbers, got float64'),
    ({'test': torch.ones(12, dtype=torch.bool)}, 'of a mask take its nonzero rows'), ({'test': [[9]]}, 'vector'), ({'test': None}, 'row numbers'),
    ({'spare': [11]}, "keys .'train', 'validation', 'test'"),
])
def test_splits_of_no_use_are_refused(change, message):
    with pytest.raises(ValueError, match=message): EmbeddingData('toy', torch.randn(12, 4), torch.arange(12)%3, {**SPLITS, **change})


def test_unusual_splits_and_arrays_are_understood():
    X,y = np.random.default_rng(0).normal(size=(12, 4)).astype('>f8'),np.arange(12, dtype=np.uint16)%3
    d = EmbeddingData('toy', X[::-1], y, {'train': list(range(6)), 'validation': np.arange(6, 9, dtype=np.int8), 'test': torch.arange(9, 12).int()})
    assert_close(d.batch([0])[0], torch.from_numpy(X[::-1][:1].astype(np.float32)))
    assert torch.equal(d.splits['validation'], torch.arange(6, 9))
    with pytest.raises(ValueError, match='split must be one of'): d.arrays('val')
    with pytest.raises(ValueError, match='row numbers below 12'): d.batch([12])


@pytest.mark.parametrize('held', [torch.zeros(5, dtype=torch.bool), torch.zeros(12), torch.arange(12), [True], 'test', np.zeros((12, 1), bool)])
def test_held_out_is_one_truth_value_per_row(held):
    with pytest.raises(ValueError, match='held_out must be True or False for each of 12 rows'): make_splits(torch.arange(12)%3, held_out=held)


def test_another_noise_is_another_file(cache):
    args = dict(num_classes=4, per_class=8, width=6)
    a,b = (load_dataset('clip_like', noise=n, **args) for n in (.8, .8000001))
    assert not torch.equal(a.features, b.features)
    c = load_dataset('clip_like', noise=np.float64(.8), num_classes=np.int64(4), per_class=np.int32(8), width=torch.tensor(6))
    assert torch.equal(a.features, c.features) and len(list(cache.glob('clip_like*.safetensors')))==2


def test_another_text_is_another_job(tmp_path):
    from geofractal_nb.data.store import open_store
    from geofractal_nb.data.text import embed_texts
    class Dies:
        width,batch_size,calls = 1,1,0
        def __call__(self, texts):
            self.calls += 1
            if self.calls==2: raise KeyboardInterrupt
            return torch.tensor([[float(len(t))] for t in texts])
    whole = lambda texts: torch.tensor([[float(len(t))] for t in texts])
    whole.width = whole.batch_size = 1
    with pytest.raises(KeyboardInterrupt): embed_texts(tmp_path/'t.safetensors', [('a', 'x'), ('b', 'xx')], Dies())
    embed_texts(tmp_path/'t.safetensors', [('a', 'xxxx'), ('b', 'xxxxx')], whole)
    assert open_store(tmp_path/'t.safetensors')[0].tolist()==[[4.], [5.]]
