"One suite over every way features come in: the same answer or the same refusal, whatever the format"
import csv
import io
import json
import multiprocessing
import os
import random
import resource
import shutil
import tracemalloc
import zipfile

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import geofractal_nb.data.store as store
from geofractal_nb.data.embeddings import load_dataset
from geofractal_nb.data.readers import read_features
from geofractal_nb.data.store import cached_store, open_store, write_store

pa = pytest.importorskip('pyarrow')
pq = pytest.importorskip('pyarrow.parquet')
N,F = 90,6
LABELS = np.arange(N)%3


def rows(dtype=np.float32): return np.random.default_rng(0).normal(size=(N, F)).astype(dtype)


def npz(p, X, y): np.savez(p/'d.npz', features=X, labels=y); return p/'d.npz'
def packed(p, X, y): np.savez_compressed(p/'d.npz', features=X, labels=y); return p/'d.npz'
def npy(p, X, y): np.save(p/'d.npy', X); np.save(p/'d_labels.npy', y); return p/'d.npy'


def safetensors(p, X, y):
    from safetensors.numpy import save_file
    native = lambda a: np.ascontiguousarray(a, a.dtype.newbyteorder('='))
    save_file({'features': native(X), 'labels': native(y)}, p/'d.safetensors')
    return p/'d.safetensors'


def parquet(p, X, y):
    X,y = (a.astype(a.dtype.newbyteorder('=')) for a in (X, y))
    if len(X)!=len(y): pytest.skip('a table has as many labels as rows')
    if 'c' in X.dtype.kind+y.dtype.kind: pytest.skip('a table holds no complex numbers')
    column = pa.array(X.tolist(), pa.list_(pa.from_numpy_dtype(X.dtype))) if X.ndim==2 else pa.array(X.tolist())
    pq.write_table(pa.table({'features': column, 'labels': y}), p/'d.parquet', row_group_size=40)
    return p/'d.parquet'


def wide(p, X, y):
    "A column for every dimension"
    X,y = (a.astype(a.dtype.newbyteorder('=')) for a in (X, y))
    if X.ndim!=2 or not X.shape[1]: pytest.skip('columns of numbers are a matrix')
    if len(X)!=len(y): pytest.skip('a table has as many labels as rows')
    if 'c' in X.dtype.kind+y.dtype.kind: pytest.skip('a table holds no complex numbers')
    pq.write_table(pa.table({**{f'x{j}': X[:,j] for j in range(X.shape[1])}, 'labels': y}), p/'d.parquet', row_group_size=40)
    return p/'d.parquet'


def text(p, X, y, one=False):
    if X.ndim!=2 or not X.shape[1]: pytest.skip('columns of numbers are a matrix')
    if len(X)!=len(y): pytest.skip('a table has as many labels as rows')
    if X.dtype.kind!='f' or y.dtype.kind=='c': pytest.skip('text has no types')
    names = ['features'] if one else [f'dim_{j}' for j in range(X.shape[1])]
    with open(p/'d.csv', 'w', newline='', encoding='utf-8') as f:
        w = csv.writer(f)
        w.writerow([*names, 'labels'])
        for r,l in zip(X.tolist(), y.tolist()): w.writerow([*([r] if one else map(repr, r)), l])
    return p/'d.csv'


def listed(p, X, y):
    if X.ndim==2 and X.shape[1]==1: pytest.skip('a list of one is not told from a number')
    return text(p, X, y, True)


WRITERS = pytest.mark.parametrize('write', [npz, packed, npy, safetensors, parquet, wide, text, listed])


@WRITERS
@pytest.mark.parametrize('change', [
    lambda X,y: (X, y), lambda X,y: (np.asfortranarray(X), y), lambda X,y: (X.astype(np.float16), y),
    lambda X,y: (X.astype(np.float64), y), lambda X,y: (X.astype('>f4'), y.astype('>i8')), lambda X,y: (X.astype('>f8'), y),
    lambda X,y: (np.asfortranarray(X.astype('>f8')), y), lambda X,y: (X, y.astype(np.float32)), lambda X,y: (X, y.astype(np.uint8)),
    lambda X,y: (X*np.float32(1e30), y), lambda X,y: (X*np.float32(1e-14), y), lambda X,y: (X[:,:1], y), lambda X,y: (X, y>0),
], ids='c fortran half double big bigdouble bigfortran floatlabels bytes huge tiny narrow truth'.split())
def test_the_same_answer(write, change, tmp_path, cache):
    X,y = change(rows(), LABELS)
    d = load_dataset(write(tmp_path, X, y))
    assert_close(d.batch(torch.arange(N))[0], torch.from_numpy(np.ascontiguousarray(X, np.float32)), rtol=0, atol=0)
    assert torch.equal(d.labels, torch.from_numpy(y.astype(np.int64)))


def at(X, value):
    X = X.copy()
    X[3, 2] = value
    return X


@WRITERS
@pytest.mark.parametrize('change, words', [
    (lambda X,y: (X, y+.7), 'labels must be whole numbers'), (lambda X,y: (X, np.where(y==1, np.nan, y)), 'labels must be whole numbers'),
    (lambda X,y: (X[:-9], y), 'must match one to one'), (lambda X,y: (X, y[:-9]), 'must match one to one'),
    (lambda X,y: (X+1j, y), 'features must be floating point'), (lambda X,y: (X, (y+1j).astype(np.complex64)), 'labels must be real numbers'),
    (lambda X,y: (X.astype(int), y), 'features must be floating point'), (lambda X,y: (X>0, y), 'features must be floating point'),
    (lambda X,y: (at(X, np.nan), y), 'row 3 has NaN'), (lambda X,y: (at(X, np.inf), y), 'row 3 has NaN or infinity'),
    (lambda X,y: (at(X.astype(np.float64), 1e300), y), 'row 3 is 1e[+]300'), (lambda X,y: (X.astype(np.float64)*1e-60, y), 'must fit float32'),
    (lambda X,y: (X[:0], y[:0]), 'non-empty|no rows'), (lambda X,y: (X[:,0], y), r'shape \(N, F\)'),
    (lambda X,y: (X[:,:,None], y), r'shape \(N, F\)'), (lambda X,y: (X[:,:0], y), r'shape \(N, F\)'), (lambda X,y: (X, y-1), '>= 0'),
    (lambda X,y: (X, y*10**12), 'without a sample'), (lambda X,y: (X, y*0), 'single class'),
], ids='fractions nanlabels fewrows fewlabels complex complexlabels int bool nan inf beyond vanishing empty 1d 3d width0 negative gaps one'.split())
def test_the_same_refusal(write, change, words, tmp_path, cache):
    path = write(tmp_path, *change(rows(), LABELS))
    with pytest.raises(ValueError, match=words) as e: load_dataset(path)
    assert type(e.value) is ValueError and '\n' not in str(e.value) and len(str(e.value))<500


@WRITERS
def test_missing_columns(write, tmp_path, cache):
    path = write(tmp_path, rows(), LABELS)
    for bad in ({'feature_column': 'pixels'}, {'label_column': 'kind'}):
        if write is npy: continue # its columns are files
        with pytest.raises(ValueError, match='expected one of'): load_dataset(path, **bad)
    for bad in ({'feature_column': 3}, {'label_column': None}):
        with pytest.raises(ValueError, match="column's name must be text"): load_dataset(path, **bad)
    with pytest.raises(ValueError, match='it takes .*feature_column'): load_dataset(path, columns='x')


@pytest.mark.parametrize('write', [npz, packed, npy, parquet, wide, text, listed])
def test_text_labels_become_class_names(write, tmp_path, cache):
    words = np.array(['cat', 'dög', 'owl'])[LABELS]
    d = load_dataset(write(tmp_path, rows(), words))
    assert d.class_names==('cat', 'dög', 'owl') and d.labels.tolist()==np.asarray(LABELS).tolist()


@pytest.mark.parametrize('write', [npz, packed, npy, parquet, wide, text, listed])
def test_empty_text_labels_are_named(write, tmp_path, cache):
    words = np.array(['', 'dog', 'owl'])[LABELS]
    with pytest.raises(ValueError, match=f'row {list(LABELS).index(0)} has an empty label'): load_dataset(write(tmp_path, rows(), words))


def test_text_that_is_none_is_refused(tmp_path, cache):
    path = npy(tmp_path, rows(), np.array(['ab', 'cd'])[np.arange(len(LABELS))%2])
    side = next(p for p in tmp_path.glob('*.npy') if np.load(p).dtype.kind=='U')
    raw = bytearray(side.read_bytes())
    raw[-4:] = b'\xff\xff\xff\x7f' # beyond Unicode
    side.write_bytes(raw)
    with pytest.raises(ValueError, match='no valid text'): load_dataset(path)


@pytest.mark.parametrize('version', [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize('kind', ['npy', zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_every_header_version(version, kind, tmp_path, cache):
    def raw(a):
        f = io.BytesIO()
        np.lib.format.write_array(f, a, version)
        return f.getvalue()
    if kind=='npy':
        path = tmp_path/'d.npy'
        path.write_bytes(raw(rows())); (tmp_path/'d_labels.npy').write_bytes(raw(LABELS))
    else:
        path = tmp_path/'d.npz'
        with zipfile.ZipFile(path, 'w', kind) as z: z.writestr('X.npy', raw(rows())); z.writestr('y.npy', raw(LABELS))
    assert_close(load_dataset(path).batch(torch.arange(N))[0], torch.from_numpy(rows()))


# ---- the cache of converted rows

def batch(d): return d.batch(torch.arange(N))[0]


def test_another_column_is_other_data(tmp_path, cache):
    a,b = rows(),rows()+1
    pq.write_table(pa.table({'a': list(a), 'b': list(b), 'y': LABELS, 'z': (LABELS+1)%3}), tmp_path/'d.parquet')
    load = lambda **kw: load_dataset(tmp_path/'d.parquet', **kw)
    assert_close(batch(load(feature_column='a')), torch.from_numpy(a))
    assert_close(batch(load(feature_column='b')), torch.from_numpy(b))
    assert torch.equal(load(feature_column='a', label_column='z').labels, torch.from_numpy((LABELS+1)%3))


@pytest.mark.parametrize('write', [packed, parquet])
def test_a_namesake_is_other_data(write, tmp_path, cache):
    for i in range(3): # another folder, then the same place, with the size and the time of the first
        folder = tmp_path/str(min(i, 1))
        folder.mkdir(exist_ok=True)
        X = np.roll(rows(), i, axis=0)
        path = write(folder, X, LABELS)
        os.utime(path, ns=(10**18, 10**18))
        assert_close(batch(load_dataset(path)), torch.from_numpy(X))


def test_a_file_is_converted_once(tmp_path, cache, monkeypatch):
    path,calls = packed(tmp_path, rows(), LABELS),[]
    write = store.write_store
    counted = lambda *a, **k: (calls.append(1), write(*a, **k))
    monkeypatch.setattr('geofractal_nb.data.readers.write_store', counted)
    for _ in range(3): load_dataset(path)
    assert len(calls)==1


def load_in_child(path, cache, queue):
    os.environ['GEOFRACTAL_CACHE'] = str(cache)
    queue.put(float(batch(load_dataset(path)).double().sum()))


def test_two_processes_convert_one_file(tmp_path, cache):
    path,ctx = packed(tmp_path, rows(), LABELS),multiprocessing.get_context('spawn')
    queue = ctx.Queue()
    children = [ctx.Process(target=load_in_child, args=(path, cache, queue)) for _ in range(2)]
    for c in children: c.start()
    sums = [queue.get(timeout=120) for _ in children]
    for c in children: c.join()
    assert sums[0]==sums[1]==pytest.approx(float(rows().astype(np.float64).sum()))
    assert len(list((cache/'converted').glob('*.safetensors')))==1


# ---- room and size

def chunks_of(X, y, step=30): return lambda start: ((X[i:i+step], y[i:i+step]) for i in range(start, len(X), step))


def write_with_little_room(path, queue):
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try: write_store(path, 10**5, 8, lambda s: iter([(np.ones((10**5, 8)), np.zeros(10**5, int))]))
    except OSError as e: queue.put(str(e))


def test_a_full_disk_is_an_error_not_a_crash(tmp_path):
    ctx = multiprocessing.get_context('spawn')
    queue = ctx.Queue()
    child = ctx.Process(target=write_with_little_room, args=(tmp_path/'a.safetensors', queue))
    child.start(); child.join()
    assert child.exitcode==0, f'killed by signal {-child.exitcode}'
    said = queue.get(timeout=10)
    assert 'it takes 4.0 MB' in said and 'are free' in said and str(tmp_path) in said and 'GEOFRACTAL_CACHE' in said
    assert not list(tmp_path.iterdir())


def test_room_is_taken_before_a_row_is_written(tmp_path):
    rows_,seen = 10**5,[]
    def chunks(start):
        seen.append((tmp_path/'a.partial').stat().st_blocks*512)
        yield np.ones((rows_, 8)),np.zeros(rows_, int)
    write_store(tmp_path/'a.safetensors', rows_, 8, chunks)
    assert seen[0]>=rows_*40


def test_room_without_a_system_call_for_it(tmp_path, monkeypatch):
    monkeypatch.delattr(os, 'posix_fallocate', raising=False)
    write_store(tmp_path/'a.safetensors', N, F, chunks_of(rows(), LABELS))
    assert_close(open_store(tmp_path/'a.safetensors')[0], torch.from_numpy(rows()))


@pytest.mark.parametrize('harm', ['short', 'long', 'progress', 'count', 'list', 'other'])
def test_a_damaged_attempt_starts_again(harm, tmp_path):
    path,X = tmp_path/'a.safetensors',rows()
    def dies(start):
        yield X[:30],LABELS[:30]
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): write_store(path, N, F, dies, {'what': 'one'})
    partial,progress = tmp_path/'a.partial',tmp_path/'a.progress.json'
    if harm in ('short', 'long'): os.truncate(partial, partial.stat().st_size+(8 if harm=='long' else -8))
    if harm=='progress': progress.write_bytes(b'\xff{"done"')
    if harm=='count': progress.write_text(progress.read_text().replace('"done": 30', '"done": 60'))
    if harm=='list': progress.write_text('[30]')
    starts = []
    def whole(start):
        starts.append(start)
        return chunks_of(X, LABELS)(start)
    write_store(path, N, F, whole, {'what': 'two' if harm=='other' else 'one'})
    assert starts==[0]
    assert_close(open_store(path)[0], torch.from_numpy(X))


def npy_header(shape, descr='<f4'):
    f = io.BytesIO()
    np.lib.format.write_array_header_1_0(f, {'descr': descr, 'fortran_order': False, 'shape': shape})
    return f.getvalue()


@pytest.mark.parametrize('kind', ['npy', zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize('shape', [(10**9, 1000), (10**15, 1), (10**12, 0), (2**62, 2**62)])
def test_a_header_that_claims_terabytes(kind, shape, tmp_path, cache):
    head = npy_header(shape)+bytes(400)
    tracemalloc.start()
    if kind=='npy':
        path = tmp_path/'d.npy'
        path.write_bytes(head); np.save(tmp_path/'d_labels.npy', LABELS)
    else:
        path,y = tmp_path/'d.npz',io.BytesIO()
        np.save(y, LABELS)
        with zipfile.ZipFile(path, 'w', kind) as z: z.writestr('X.npy', head); z.writestr('y.npy', y.getvalue())
    with pytest.raises(ValueError, match='claims|shape'): load_dataset(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak<20e6 and not cache.exists()


def test_a_bomb_of_labels_is_not_unpacked(tmp_path, cache):
    path,count = tmp_path/'d.npz',30_000_000
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as z:
        x = io.BytesIO(); np.save(x, rows()); z.writestr('X.npy', x.getvalue())
        with z.open('y.npy', 'w') as f:
            f.write(npy_header((count,), '<i8'))
            for _ in range(count*8//1_000_000): f.write(bytes(1_000_000))
    assert path.stat().st_size<1e6
    tracemalloc.start()
    with pytest.raises(ValueError, match='must match one to one'): load_dataset(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak<20e6


# ---- damage

def damaged(raw, rng):
    raw = bytearray(raw)
    if rng.random()<.15: return bytes(raw[:rng.randrange(len(raw))])
    for _ in range(rng.choice((1, 1, 3))): raw[rng.randrange(len(raw))] ^= 1<<rng.randrange(8)
    return bytes(raw)


@pytest.mark.parametrize('write, sure', [(npz, True), (packed, True), (npy, False), (safetensors, False), (parquet, False), (wide, False), (text, False)])
def test_damage_is_named(write, sure, tmp_path, cache):
    X,y = rows(),LABELS
    path,rng = write(tmp_path, X, y),random.Random(7)
    whole = path.read_bytes()
    refused = 0
    for i in range(300):
        path.write_bytes(damaged(whole, rng))
        try: d = load_dataset(path)
        except ValueError as e:
            refused += 1
            said = str(e)
            assert type(e) is ValueError and '\n' not in said and 10<len(said)<500, said
        else:
            assert len(d.features)==len(d.labels)
            if sure: assert np.array_equal(batch(d).numpy(), X) and np.array_equal(d.labels.numpy(), y), i
    assert refused>30


def test_a_damaged_store_is_refused_or_whole(tmp_path):
    X,path,rng = rows(),tmp_path/'a.safetensors',random.Random(3)
    extra = {'class_names': ['a', 'b', 'c']}
    write_store(path, N, F, chunks_of(X, LABELS), extra)
    for name in ('a.safetensors', 'a.json'):
        whole = (tmp_path/name).read_bytes()
        for i in range(300):
            (tmp_path/name).write_bytes(damaged(whole, rng))
            try: f,l,e = open_store(path)
            except ValueError as e: assert type(e) is ValueError and 'a.' in str(e) and '\n' not in str(e)
            else: assert np.array_equal(f.numpy(), X) and e['class_names']==['a', 'b', 'c'], i
        (tmp_path/name).write_bytes(whole)
    (tmp_path/'a.json').write_text(json.dumps([1]))
    built = cached_store(path, lambda: write_store(path, N, F, chunks_of(X, LABELS), extra)) # builds itself again
    assert_close(built[0], torch.from_numpy(X))


def test_progress_that_is_damaged_gives_the_same_rows(tmp_path):
    X,rng = rows(),random.Random(5)
    def dies(start):
        yield X[:30],LABELS[:30]
        raise KeyboardInterrupt
    with pytest.raises(KeyboardInterrupt): write_store(tmp_path/'o.safetensors', N, F, dies)
    partial,progress = (tmp_path/f'o.{n}' for n in ('partial', 'progress.json'))
    for _ in range(40):
        shutil.copy(partial, tmp_path/'a.partial')
        (tmp_path/'a.progress.json').write_bytes(damaged(progress.read_bytes(), rng))
        write_store(tmp_path/'a.safetensors', N, F, chunks_of(X, LABELS))
        assert_close(open_store(tmp_path/'a.safetensors')[0], torch.from_numpy(X))


# ---- tables

@pytest.mark.parametrize('content, words', [
    ('', 'no rows'), ('x0,x1,labels', 'no rows'), ('x0,x1,labels\n1,2,a\n3,b', 'row 1 has 2 cells'), ('x0,x1,labels\n1,2,a\n3,,b', 'row 1 has a missing value'),
    ('x0,x1,labels\n1,2,a\n3,q,b', "row 1 has 'q'"), ('x0,x0,labels\n1,2,a', "several columns are called .'x0'"), ('x0,x2,labels\n1,2,a', 'without gaps'),
    ('a,b,labels\n1,2,a', r'name it with feature_column= or label_column= \(--features, --labels\)'), ('x0,x1,kind\n1,2,a', '--labels'),
    ('embedding,y\n"[1, 2]",a\n"[1]",b', 'row 1 has 1 features, row 0 has 2'), ('x0,labels\n1,"a', 'not a readable .csv file'), ('x0,labels\n\xff,a', 'row 0 has'),
], ids=range(12))
def test_tables_that_are_wrong_are_named(content, words, tmp_path, cache):
    (tmp_path/'d.csv').write_text(content, encoding='utf-8')
    with pytest.raises(ValueError, match=words) as e: load_dataset(tmp_path/'d.csv')
    assert type(e.value) is ValueError and '\n' not in str(e.value) and 'd.csv' in str(e.value) and len(str(e.value))<500


@pytest.mark.parametrize('mark', [',', ';', '\t'])
def test_a_table_of_a_spreadsheet(mark, tmp_path, cache):
    X = rows()
    head = ['name', *(f'clip {j}' for j in range(F)), 'species']
    lines = [head,*([f'n{i}', *map(repr, X[i].tolist()), f'"owl{mark} {LABELS[i]}"'] for i in range(N))]
    (tmp_path/'d.csv').write_bytes(('\ufeff'+'\r\n'.join(mark.join(l) for l in lines)+'\r\n\r\n').encode())
    d = load_dataset(tmp_path/'d.csv', label_column='species')
    assert_close(batch(d), torch.from_numpy(X), rtol=0, atol=0)
    assert d.class_names==tuple(f'owl{mark} {c}' for c in range(3)) and d.labels.tolist()==LABELS.tolist()
    assert_close(read_features(tmp_path/'d.csv').float(), torch.from_numpy(X), rtol=0, atol=0)


def test_numbered_columns_are_told_apart(tmp_path, cache):
    X = rows()
    table = {**{f'age_{j}': X[:,0] for j in range(2)}, **{f'clip_{j}': X[:,j] for j in reversed(range(F))}, 'label': LABELS}
    pq.write_table(pa.table(table), tmp_path/'d.parquet')
    with pytest.raises(ValueError, match='name it with'): load_dataset(tmp_path/'d.parquet')
    assert_close(batch(load_dataset(tmp_path/'d.parquet', feature_column='clip')), torch.from_numpy(X), rtol=0, atol=0)
    assert_close(read_features(tmp_path/'d.parquet', 'clip_'), torch.from_numpy(X), rtol=0, atol=0)


def test_missing_numbers_in_columns_are_named(tmp_path, cache):
    pq.write_table(pa.table({'x0': [1., None, 3.], 'x1': [1., 2., 3.], 'y': [0, 1, 0]}), tmp_path/'d.parquet')
    with pytest.raises(ValueError, match='missing values near row 0'): load_dataset(tmp_path/'d.parquet')
