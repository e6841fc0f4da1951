"Data: stores, texts, data sets"
import os
import random
from pathlib import Path

import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator

nan,inf = float('nan'),float('inf')
Y = torch.arange(60)%3
X = torch.ones(60, 4)
SPLITS = {'train': torch.arange(30), 'validation': torch.arange(30, 45),
    'test': torch.arange(45, 60)}
ones = lambda n, f: lambda start: iter([(np.ones((n-start, f)), np.arange(start, n)%2)])


class Counts:
    width,batch_size = np.int64(2), np.int32(1)
    def __call__(self, texts): return [[float(len(t)), 1.] for t in texts]


def with_(**kw): return type('Encoder', (Counts,), kw)()
def chunk(f, l): return lambda start: iter([(f, l)])


def stored(p):
    from geofractal_nb.data.store import write_store
    write_store(p/'a.safetensors', 4, 2, ones(4, 2))
    return p/'a.safetensors'


def arrays(p, **kw):
    np.savez(p/'d.npz', **{'features': X.numpy(), 'labels': Y.numpy(), **kw})
    return p/'d.npz'


def drawn_inside(f):
    with f(): random.random(),np.random.rand(),torch.rand(1)


S,D,R,T,C,E = (f'data.{m}.' for m in 'store splits readers text synthetic embeddings'.split())
ROWS = [
    *(refused(S+'as_path', lambda f, v=v: f('folder', v), 'folder must be a path')
      for v in (None, 3, '', b'a', ['a'], 'a\0b')),
    right(S+'as_path', lambda f: f('folder', 'a/b'), Path('a/b')),
    right(S+'kept_generators', lambda f: drawn_inside(f), None),
    right(S+'cache_folder', lambda f: f(), lambda p: str(p)==os.environ['GEOFRACTAL_CACHE']),
    refused(S+'file_digest', lambda f, p: f(p/'none'), 'no file'),
    refused(S+'file_digest', lambda f, p: f(p), 'no file'),
    refused(S+'file_digest', lambda f: f(7), 'path', '7'),
    *(refused(S+'reserve', lambda f, p, v=v: f(None, v, p/'a'), 'size must be an integer >= 0')
      for v in (-1, nan, '4', None)),
    *(refused(S+'write_store', lambda f, p, v=v: f(p/'a.safetensors', v, 2, ones(4, 2)),
      'rows must be an integer >= 1') for v in (0, -3, 2.5, nan, None, '4')),
    *(refused(S+'write_store', lambda f, p, v=v: f(p/'a.safetensors', 4, v, ones(4, 2)),
      'width must be an integer >= 1') for v in (0, inf, True)),
    refused(S+'write_store', lambda f: f(None, 4, 2, ones(4, 2)), 'path'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, [1]),
      'chunks must be a function'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, ones(4, 2), [1]),
      'extra must be a dict'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, ones(4, 2), {'a': object()}),
      'plain Python values'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, ones(3, 2)), 'expected 4 rows',
      '3'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, ones(5, 2)), '4 in all'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 3, ones(4, 2)), 'width 3'),
    refused(S+'write_store', lambda f, p: f(p/'a.safetensors', 4, 2, lambda s: iter([5])),
      'a chunk must be features and labels'),
    *(refused(S+'write_store',
      lambda f, p, v=v: f(p/'a.safetensors', 2, 2, chunk(np.full((2, 2), v), [0, 1])), 'finite')
      for v in (nan, inf, 1e300)),
    refused(S+'write_store',
      lambda f, p: f(p/'a.safetensors', 2, 2, chunk(np.ones((2, 2))*1j, [0, 1])), 'real numbers'),
    refused(S+'write_store',
      lambda f, p: f(p/'a.safetensors', 2, 2, chunk(np.ones((2, 2)), [0, 2.7])),
      'labels must be whole'),
    refused(S+'write_store',
      lambda f, p: f(p/'a.safetensors', 2, 2, chunk(np.ones((2, 2)), [0, 1, 1])), '2 feature rows'),
    right(S+'write_store',
      lambda f, p: f(p/'a.safetensors', np.int64(4), np.int8(2), ones(4, 2), {'a': (1, 2)}), None),
    refused(S+'open_store', lambda f, p: f(p/'a.safetensors'), 'no file'),
    refused(S+'open_store', lambda f: f(None), 'path'),
    refused(S+'open_store', lambda f, p: f(stored(p), verify='no'), 'verify must be True or False'),
    right(S+'open_store', lambda f, p: f(str(stored(p)), np.True_)[1], torch.tensor([0, 1, 0, 1])),
    refused(S+'cached_store', lambda f: f(3, None), 'path'),
    refused(S+'cached_store', lambda f, p: f(p/'a.safetensors', 'build'),
      'build must be a function'),
    refused(S+'cached_store', lambda f, p: f(p/'a.safetensors', None), 'no function to build it'),
    refused(S+'cached_store', lambda f, p: f(p/'a.safetensors', lambda: None), 'no file'),
    right(S+'cached_store', lambda f, p: f(stored(p), None)[0], torch.ones(4, 2)),

    *(refused(T+'condition_key', lambda f, v=v: f(v), 'description must be text')
      for v in (None, 3, b'a', ['a'])),
    right(T+'condition_key', lambda f: f(''), ''),
    right(T+'condition_key', lambda f: f('Cut of LEFT hand,\n sequela'), 'cut of hand'),
    *(refused(T+'distinct_conditions', lambda f, v=v: f(v), 'codes must be pairs')
      for v in (None, [], 'ab', 3, [('a',)], [('a', None)], [('a', 'b'), 'ab'], [(1, 'b')])),
    right(T+'distinct_conditions', lambda f: f([('A', 'one')]), []),
    right(T+'distinct_conditions', lambda f: len(f([('A', f'word {i}') for i in range(20)])), 20),
    refused(T+'icd10_groups', lambda f: f(['A00'], 'code'), 'level must be one of'),
    right(T+'icd10_groups', lambda f: f(('A00', 'B01'), 'category'), ['A00', 'B01']),
    right(T+'icd10_conditions', lambda f: callable(f), True),
    *(refused(T+'SentenceEncoder', lambda f, v=v: f(v), 'batch_size must be an integer >= 1')
      for v in (0, -1, 2.5, nan, '8')),
    refused(T+'SentenceEncoder', lambda f: f(8, 10**6), 'max_tokens', '<= 512'),
    *(refused(T+'embed_texts', lambda f, p, v=v: f(p/'a.safetensors', v, Counts()),
      'pairs must be pairs') for v in ([], None, [('a',)], [('a', 3)])),
    refused(T+'embed_texts', lambda f, p: f(p/'a.safetensors', [('a', 'b')], None),
      'encoder must be callable'),
    refused(T+'embed_texts', lambda f, p: f(p/'a.safetensors', [('a', 'b')], with_(width=0)),
      'encoder.width', '>= 1'),
    refused(T+'embed_texts',
      lambda f, p: f(p/'a.safetensors', [('a', 'b')], with_(batch_size=None)),
      'encoder.batch_size'),
    refused(T+'embed_texts', lambda f, p: f(p/'a.safetensors', [('a', 'b')], with_(width=3)),
      'width 3'),
    refused(T+'embed_texts',
      lambda f, p: f(p/'a.safetensors', [('a', 'b')],
                     with_(__call__=lambda s, t: torch.tensor([[nan, 1.]]))),
      'finite'),
    refused(T+'embed_texts', lambda f: f(None, [('a', 'b')], Counts()), 'path'),
    right(T+'embed_texts',
      lambda f, p: f(p/'a.safetensors', iter([['a', 'b'], ('b', 'cc')]), Counts()), None),
    *(refused(T+'icd10_store', lambda f, v=v: f(v), 'folder must be a path')
      for v in (3, '', ['a'])),

    *(refused(D+'check_labels', lambda f, v=v: f(v), 'labels must be numbers',
      'encode_labels') for v in (['a', 'b'], [0, None], None, 'ab', [b'a'], [{}])),
    *(refused(D+'encode_labels', lambda f, v=v: f(v), *words) for v,*words in (
      (['a', ''], 'row 1', 'empty label'), (['a', 'a'], 'single class'), ([], 'non-empty'), (None, 'numbers'),
      (['a', None], 'text or objects'), (np.array([['a'], ['b']]), 'shape (2, 1)'), (['a', '\ud800'], 'no valid text'),
      ([0, 2], 'classes without a sample'), ([b'a', b'b'], 'text or objects'))),
    refused(R+'read_features', lambda f, p: f(p/'none.npz'), 'no file'),
    refused(R+'read_features', lambda f, p: f(p/'a.txt'), 'must end in'),
    refused(R+'read_features', lambda f, p: f(None), 'path'),
    *(refused(R+'read_features', lambda f, p, X=X: [np.save(p/'x.npy', X), f(p/'x.npy')], 'x.npy', words) for X,words in (
      (np.full((3, 2), nan), 'finite'), (np.zeros(3), 'shape (N, F)'), (np.zeros((3, 2), int), 'floating'), (np.zeros((0, 2)), 'no rows'))),
    refused(R+'read_features', lambda f, p: [np.savez(p/'x.npz', z=np.zeros((3, 2))), f(p/'x.npz')], "expected one of"),
    refused(R+'read_features', lambda f, p: [np.savez(p/'x.npz', X=np.zeros((3, 2))), f(p/'x.npz', 3)], "must be text"),
    refused(R+'read_features', lambda f, p: [(p/'x.npz').write_text('a'), f(p/'x.npz')], "not a readable .npz"),
    right(R+'read_features', lambda f, p: [np.savez(p/'x.npz', X=np.ones((3, 2), np.float16)), f(str(p/'x.npz')).shape][1], (3, 2)),
    right(D+'encode_labels', lambda f: f(np.array(['b', 'a']))[1], ('a', 'b')),
    right(D+'encode_labels', lambda f: f(np.array(['b', 'a', 'b'], object))[0].tolist(), [1, 0, 1]),
    right(D+'encode_labels', lambda f: f(torch.tensor([1., 0.]))[1], ()),
    *(refused(D+'check_labels', lambda f, v=v: f(v), 'labels must be')
      for v in ([], 3, [[0, 1]], [0, 1.5], [0, nan], [0, inf], [0, 1e300], [0, -1], [0, 1j],
      [[0], [0, 1]],
      [0, 2**60], np.array([0, 2**64-1], np.uint64), torch.tensor([0, 1], dtype=torch.cfloat))),
    refused(D+'check_labels', lambda f: f([0, 10**15]), 'classes without a sample', 'renumber'),
    refused(D+'check_labels', lambda f: f([0, 2]), 'classes without a sample: [1]'),
    refused(D+'check_labels', lambda f: f([0, 1], 10**15), 'classes without a sample: [2'),
    refused(D+'check_labels', lambda f: f([0, 0]), 'single class'),
    *(refused(D+'check_labels', lambda f, v=v: f([0, 1], v), 'num_classes must be an integer >= 2')
      for v in (0, 1, 2.5, '2', nan)),
    *(right(D+'check_labels', lambda f, v=v: f(v), torch.tensor([0, 1, 0]))
      for v in ([0, 1, 0], [0., 1., 0.], [False, True, False], np.array([0, 1, 0], '>i2'),
      np.array([0, 1, 0], np.uint64), np.array([0, 1, 0], np.float16),
      torch.tensor([0, 1, 0], dtype=torch.bfloat16), torch.tensor([0, 1, 0]).byte(),
      np.array([0, 9, 1, 9, 0])[::2])),
    *(refused(D+'check_features', lambda f, v=v: f(v), 'features must')
      for v in (None, [[1.]], np.ones((2, 2)), torch.ones(2), torch.ones(2, 2, 2), torch.ones(2, 0),
      torch.tensor(1.),
      torch.ones(2, 2).long(), torch.ones(2, 2).bool(), torch.ones(2, 2, dtype=torch.cfloat))),
    *(refused(D+'check_features', lambda f, v=v: f(torch.tensor([[1.], [v]])),
      'row 1 has NaN or infinity') for v in (nan, inf, -inf)),
    *(refused(D+'check_features', lambda f, v=v: f(torch.tensor([[1.], [v]], dtype=torch.float64)),
      'fit float32', 'row 1', 'divide every row') for v in (1e300, -1e39, 1e-60, -1e-300)),
    *(refused(D+'check_features', lambda f, v=v: f(X, v), 'chunk must be an integer')
      for v in (0, nan, None)),
    *(right(D+'check_features', lambda f, v=v: f(v), None)
      for v in (X, X.half(), X.bfloat16(), X.double(), X*1e30, X*1e-14, X.T, X.double()*1e30, X*0)),
    *(refused(D+'check_features', lambda f, v=v: f(X, 8, v), 'first must be an integer >= 0')
      for v in (-1, .5, None)),
    refused(D+'check_features', lambda f: f(torch.tensor([[1.], [nan]]), first=np.int64(5)),
      'row 6 has NaN'),
    *(refused(D+'check_counts', lambda f, v=v: f(v, 3), 'rows must be an integer >= 0')
      for v in (-1, 2.5, nan, None, '3')),
    *(refused(D+'check_counts', lambda f, v=v: f(3, v), 'labels must be an integer >= 0')
      for v in (-1, inf, [3])),
    refused(D+'check_counts', lambda f: f(3, 2, 'a.npz: '), 'a.npz: 3 feature rows but 2 labels',
      'one to one'),
    right(D+'check_counts', lambda f: f(np.int64(3), torch.tensor(3)), None),
    *(refused(D+'as_matrix', lambda f, v=v: f(v), 'features must')
      for v in (None, 3, 'a', [['a']], [[1], [2]], [[1.], [1., 2.]], X>0, X.to(torch.cfloat))),
    *(refused(D+'as_matrix', lambda f, v=v: f(v), 'shape (N, F), got '+s)
      for v,s in ((X[:,0], '(60,)'), (X.numpy()[None], '(1, 60, 4)'), (X[:,:0], '(60, 0)'),
                  (1., '()'))),
    *(right(D+'as_matrix', lambda f, v=v: f(v), X)
      for v in (X.tolist(), X.half(), X.T.contiguous().T, X.numpy()[::-1], X.numpy().astype('>f8'),
      X.numpy().astype(np.longdouble))),
    right(D+'as_matrix', lambda f: f(torch.tensor([[nan]])).shape, (1, 1)),
    *(refused(D+'stratified_mask', lambda f, v=v: f(v, .5, generator(0)), 'labels')
      for v in (None, [], [0, .5], [-1, 0], [[1]], ['a'], [0, 2**40])),
    *(refused(D+'stratified_mask', lambda f, v=v: f(Y, v, generator(0)), 'share')
      for v in (-.1, 1.1, nan, None, '1')),
    *(refused(D+'stratified_mask', lambda f, v=v: f(Y, .5, v), 'gen must be a torch.Generator')
      for v in (None, 0, np.random)),
    right(D+'stratified_mask',
      lambda f: f(np.array([5]*8+[2**31]*8), np.float32(.5), generator(0)).sum(), torch.tensor(8)),
    *(refused(D+'make_splits', lambda f, v=v: f(v), 'labels')
      for v in (None, [], ['a', 'b'], [0, 2], [0, nan])),
    *(refused(D+'make_splits', lambda f, v=v: f(Y, **v), *v)
      for v in ({'seed': -1}, {'seed': 1.5}, {'val': 1.}, {'val': nan}, {'val': '1'}, {'test': -.1},
      {'test': inf}, {'test': None},
      {'shots': -1}, {'shots': 2.5}, {'held_out': [1]}, {'held_out': X}, {'held_out': 'no'})),
    refused(D+'make_splits', lambda f: f(Y, val=.6, test=.6), 'val + test'),
    refused(D+'make_splits', lambda f: f(Y, val=0), 'the validation split is empty'),
    refused(D+'make_splits', lambda f: f(Y, held_out=np.ones(60, bool)), 'every row is a test row'),
    right(D+'make_splits',
      lambda f: f(Y.tolist(), np.int64(0), np.float32(.25), np.float16(.25),
      np.int8(3))['train'].shape, (9,)),
    right(D+'make_splits', lambda f: f(Y, held_out=np.arange(60)<15)['test'], torch.arange(15)),
    *(refused(D+'EmbeddingData', lambda f, v=v: f('toy', v, Y, SPLITS), 'feature')
      for v in (None, X[:5], X[:,0], X.long(), X[:,:0], 'X', X*nan, np.ones((60, 4))*1e300,
      np.ones((60, 4), int), 3.)),
    *(refused(D+'EmbeddingData', lambda f, v=v: f('toy', X, v, SPLITS), 'label')
      for v in (None, Y[:5], Y*2, Y-1, Y*0, ['a']*60, Y+.5)),
    *(refused(D+'EmbeddingData', lambda f, v=v: f('toy', X, Y, v), 'split')
      for v in (None, {}, [1], {'train': [0]}, {**SPLITS, 'test': []}, {**SPLITS, 'test': [60]},
      {**SPLITS, 'test': [0]}, {**SPLITS, 'test': [50, 50]}, {**SPLITS, 'test': [50.]},
      {**SPLITS, 'test': 'a'}, {**SPLITS, 'val': [1]})),
    refused(D+'EmbeddingData', lambda f: f('toy', X, Y, {**SPLITS, 'train': [0, 3]}),
      'class 1 has no training row'),
    refused(D+'EmbeddingData', lambda f: f(3, X, Y, SPLITS), 'name must be text'),
    *(refused(D+'EmbeddingData', lambda f, v=v: f('toy', X, Y, SPLITS, v),
      'class_names must be 3 strings') for v in (('a',), 'abc', [1, 2, 3], None)),
    refused(D+'EmbeddingData', lambda f: f('toy', X, Y, SPLITS, texts=('a',)),
      'texts must be 60 strings'),
    refused(D+'EmbeddingData', lambda f: f('toy', X, Y, SPLITS).arrays('valid'),
      'split must be one of'),
    refused(D+'EmbeddingData', lambda f: f('toy', X, Y, SPLITS).batch([99]),
      'row numbers below 60'),
    right(D+'EmbeddingData',
      lambda f: f('toy', X.numpy().astype('>f8'), Y.numpy().astype(np.uint8), SPLITS,
      ['a', 'b', 'c']).batch([0])[0], torch.ones(1, 4)),
    *(refused(D+'shuffled_batches', lambda f, v=v: f(v, 4), 'rows must be')
      for v in (None, [], [.5], X, Y>0, 'a')),
    *(refused(D+'shuffled_batches', lambda f, v=v: f(Y, v), 'batch_size must be an integer >= 1')
      for v in (0, -1, 2.5, nan, None)),
    refused(D+'shuffled_batches', lambda f: f(Y, 4, 0), 'gen must be a torch.Generator'),
    right(D+'shuffled_batches', lambda f: f([5, 6, 7], np.int64(2))[1].tolist(), [7]),
    *(refused(R+'read_file', lambda f, v=v: f(v), 'path must')
      for v in (None, 3, '', 'a\0.npz', 'a.txt', 'npz')),
    refused(R+'read_file', lambda f, p: f(p/'none.npz'), 'no file'),
    refused(R+'read_file', lambda f, p: f(arrays(p), 'pixels'), 'expected one of', 'pixels'),
    *(refused(R+'read_file', lambda f, p, v=v: f(arrays(p), label_column=v),
      "column's name must be text") for v in (None, 3)),
    *(refused(R+'read_file', lambda f, p, v=v: f(arrays(p, **v)),
      'd.npz' if 'features' in v else 'labels')
      for v in ({'features': X[:9].numpy()}, {'features': X[0].numpy()}, {'labels': Y.numpy()+.5},
      {'labels': Y.numpy()*0})),
    right(R+'read_file', lambda f, p: f(str(arrays(p)))[0], X),
    right(R+'read_file',
      lambda f, p: f(arrays(p, features=X.numpy().astype('>f8'),
                            labels=Y.numpy().astype(np.float16)))[1], Y),
    *(refused(R+'read_hub', lambda f, v=v: f(v), 'name must be that of a Hugging Face data set')
      for v in (None, 3, '', 'a\0/b', [])),
    right(E+'digits', lambda f: f()[0].shape, (1797, 64)),
    refused(E+'icd10', lambda f: f(level=3), 'level must be one of'),
    *(refused(E+'icd10', lambda f, v=v: f(v), 'folder must be a path') for v in (3, '', [])),
    *(refused(C+'clip_like', lambda f, v=v: f(**v), next(iter(v)))
      for v in ({'num_classes': 1}, {'num_classes': 10**9}, {'num_classes': 2.5}, {'per_class': 0},
      {'per_class': 10**12}, {'width': 0},
      {'width': '8'}, {'width': 10**9}, {'groups': 0}, {'groups': nan}, {'noise': -1},
      {'noise': nan}, {'noise': 1e300}, {'noise': None}, {'seed': -1}, {'seed': 1.5},
      {'folder': 3})),
    right(C+'clip_like',
      lambda f, p: f(np.int64(3), np.int32(4), np.int16(5), noise=np.float32(.5),
                     folder=str(p))[0].shape,
      (12, 5)),
    *(refused(E+'load_dataset', lambda f, v=v: f(v), 'name')
      for v in (None, 3, [], b'digits', 'a\0b')),
    *(refused(E+'load_dataset', lambda f, v=v: f(v), 'unknown dataset', 'digits')
      for v in ('mnist', '', 'a'*10**4)),
    refused(E+'load_dataset', lambda f, p: f(p/'none.npz'), 'no file'),
    refused(E+'load_dataset', lambda f: f('digits', colour=1), 'unknown option', 'colour'),
    refused(E+'load_dataset', lambda f: f('clip_like', rows=1), 'unknown option', 'num_classes'),
    *(refused(E+'load_dataset', lambda f, v=v: f('digits', **v), *v)
      for v in ({'seed': -1}, {'seed': '0'}, {'val': nan}, {'val': 2}, {'test': -1}, {'test': None},
      {'shots': -2}, {'shots': inf})),
    right(E+'load_dataset',
      lambda f: f('digits', np.int64(1), np.float32(.1), np.float64(.25),
      np.int8(2)).splits['train'].shape, (20,)),
    *(refused('data.readers.read_texts', lambda f, p, a=a: f(arrays(p), *a), words) for a,words in ((('words',), 'it has'), ((3,), 'text'))),
    *(refused('data.readers.read_texts', lambda f, v=v: f(v), words) for v,words in ((3, 'path'), ('none.npz', 'no file'), ('none.txt', 'must end in'))),
    refused('data.readers.read_texts', lambda f, p: f(stored(p), 'text'), 'are read from'),
    right('data.readers.read_texts', lambda f, p: f(arrays(p)), ()),
    right('data.readers.read_texts', lambda f, p: f(arrays(p, caption=np.array(['x', 'y']))), ('x', 'y')),
]
