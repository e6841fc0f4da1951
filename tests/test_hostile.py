"""Hostile files, names and settings by the hundred: a right answer, or a line that names the file.

The cases are generated, and run in a child with bounds on memory and processor time. A case that is
killed, or that answers with anything but a `ValueError` or `OSError` of one line, or that executes
what a file asks for, is a fault.
"""
import io
import json
import os
import pickle
import random
import resource
import shutil
import struct
import subprocess
import sys
import zipfile
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest
import torch

MEMORY,SECONDS = 2**30,5 # a case's address space beyond what was there, and its processor time
Case = namedtuple('Case', 'group id call words right')
CASES = []


def case(group, id, call, *words, right=None):
    "What `call(folder)` must say in its refusal; without words a `right` answer is welcome too"
    CASES.append(Case(group, f'{group}: {id}', call, words, right))


# Good files, from which the hostile ones are made

def good_files(base):
    "One file of every format, and two interrupted trainings"
    from geofractal_nb.training.checkpoints import save_level_checkpoint
    from geofractal_nb.models.david import GeoFractalDavid, save_model
    from geofractal_nb.models.zeta import ZetaBlock
    from geofractal_nb.core import generator, seeded_linear
    from geofractal_nb.data.store import write_store
    from geofractal_nb.storage import save_json, save_tensors
    import pyarrow as pa
    import pyarrow.parquet as pq
    y = torch.arange(60)%3
    X = torch.randn(60, 4, generator=generator(0))+4*torch.eye(4)[y]
    save_tensors(base/'data.safetensors', {'features': X, 'labels': y})
    np.savez(base/'data.npz', features=X, labels=y)
    np.savez_compressed(base/'packed.npz', features=X, labels=y)
    np.save(base/'data.npy', X)
    np.save(base/'labels.npy', y)
    pq.write_table(pa.table({'features': list(X.numpy()), 'labels': y.numpy()}),
                   base/'data.parquet')
    write_store(base/'store.safetensors', 60, 4, lambda start: iter([(X.numpy(), y.numpy())]))
    model = GeoFractalDavid(4, 3, 2, (4, 6))
    save_model(base/'model.safetensors', model)
    torch.save(model.state_dict(), base/'model.pt')
    torch.save(model.state_dict(), base/'old.pt', _use_new_zipfile_serialization=False)
    block,head = ZetaBlock(8, 2, gen=generator(1)),seeded_linear(8, 3, generator(2))
    foci = dict(n_foci=3, focal_angles=np.arange(3.), focal_weights=np.ones(3)/3,
                focal_centers=np.zeros((3, 2)))
    parts = dict(model_config=dict(d_model=8, n_heads=2), model_state_dict=block.state_dict(),
                 classifier_state_dict=head.state_dict(),
                 optimizer_state_dict={}, metrics=dict(kappa=[1.]), dataset_config=foci,
                 curriculum_info=dict(level=3))
    save_level_checkpoint(base/'level.pt', parts)
    torch.save({**parts, 'metadata': dict(version='1.0.0', by=np.float64(1))}, base/'level1.pt')
    save_json(base/'plain.json', dict(k=4, scales=[1, 2], names={'a': None}))
    for work in RUNS: begin_run(work, base/work)


class Stop(Exception): pass


def train(work, folder, stop_at=0):
    "A tiny training, perhaps stopped at a step"
    from geofractal_nb.data.splits import EmbeddingData, make_splits
    from geofractal_nb.training.basin import BasinConfig, fit
    from geofractal_nb.training.curriculum import fit_curriculum
    from geofractal_nb.training.levels import CurriculumConfig
    from geofractal_nb.training.observers import Observer
    from geofractal_nb.training.runs import RunFolder
    class Until(Observer):
        left = stop_at
        def step(self, state, loss):
            self.left -= 1
            if self.left==0: raise Stop
    if work=='classifier':
        y = torch.arange(60)%3
        X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))+4*torch.eye(4)[y]
        data = EmbeddingData('toy', X, y, make_splits(y, 0))
        return fit(BasinConfig(k=2, scales=(4, 6), epochs=2, batch_size=32, device='cpu'), data,
                   RunFolder(folder, 'm', 'r'), [Until()]).history
    c = CurriculumConfig(levels=(1, 2), epochs_per_level=2, stability_window=2, n_samples=16,
                         n_validation=8, seq_len=2, d_model=4, n_heads=1, batch_size=8,
                         device='cpu')
    return fit_curriculum(c, folder, [Until()], save_every=0).runs


def begin_run(work, folder):
    "Interrupted in its second epoch or level"
    try: train(work, folder, 2 if work=='classifier' else 6)
    except Stop: pass


RUNS = dict(classifier='weights/m/r/', curriculum='') # where their files lie
FINITE = lambda tensors: all(torch.is_tensor(t) for t in tensors.values())


def readers():
    "Every reader: name -> (good file, suffix, call of a path, what a right answer is)"
    from geofractal_nb.training.checkpoints import load_checkpoint, load_checkpoint_for_inference
    from geofractal_nb.data.embeddings import load_dataset
    from geofractal_nb.data.store import open_store
    from geofractal_nb.models.david import load_model
    from geofractal_nb.storage import load_json, load_pickled, load_state, load_tensors
    finite = lambda m: all(bool(p.isfinite().all()) for p in m.parameters())
    rows = lambda d: d.features.shape[1:]==(4,) and bool(d.features.isfinite().all())
    base = Path(os.environ['HOSTILE'])
    def stored(path):
        shutil.copy(base/'store.json', path.with_suffix('.json'))
        return open_store(path)
    def beside(path):
        shutil.copy(base/'labels.npy', path.with_name(f'{path.stem}_labels.npy'))
        return load_dataset(path)
    return {'load_tensors': ('data.safetensors', load_tensors, lambda r: FINITE(r[0])),
            'load_json': ('plain.json', load_json, None),
            'load_pickled': ('model.pt', load_pickled, None),
            'load_state': ('model.safetensors', load_state, FINITE),
            'load_state pt': ('model.pt', load_state, FINITE),
            'load_state old pt': ('old.pt', load_state, FINITE),
            'load_model': ('model.safetensors', load_model, finite),
            'load_model pt': ('model.pt', load_model, finite),
            'load_checkpoint': ('level.pt', load_checkpoint,
                                lambda c: c['metadata']['version']=='2.0'),
            'load_checkpoint 1.0.0': ('level1.pt', load_checkpoint,
                                      lambda c: c['metadata']['version']=='2.0'),
            'load_checkpoint_for_inference': ('level.pt', load_checkpoint_for_inference,
                                              lambda r: finite(r[0]) and finite(r[1])),
            'load_dataset safetensors': ('data.safetensors', load_dataset, rows),
            'load_dataset npz': ('data.npz', load_dataset, rows),
            'load_dataset packed npz': ('packed.npz', load_dataset, rows),
            'load_dataset npy': ('data.npy', beside, rows),
            'load_dataset parquet': ('data.parquet', load_dataset, rows),
            'open_store': ('store.safetensors', stored, lambda r: r[0].shape==(60, 4))}


# Damage

def damages(data, others, rng, count):
    "Truncated, flipped, overwritten, doubled, of another format"
    n = len(data)
    for cut in sorted({0, 1, 4, 8, 9, 64, n//4, n//2, 3*n//4, n-64, n-9, n-1}):
        if 0<=cut<n: yield f'cut to {cut} of {n}',data[:cut]
    for _ in range(count):
        at = rng.randrange(n if rng.random()<.5 else min(n, 400))
        bit = rng.randrange(8)
        yield f'bit {bit} of byte {at} flipped',data[:at]+bytes([data[at]^1<<bit])+data[at+1:]
    for _ in range(4):
        at,m = rng.randrange(n),rng.choice((4, 16, 100))
        yield f'{m} bytes at {at} overwritten',data[:at]+rng.randbytes(m)+data[at+m:]
    yield 'zeros within',data[:n//3]+bytes(n//3)+data[2*n//3:]
    yield 'doubled',data+data
    yield 'noise',rng.randbytes(200)
    yield 'text','hello\nworld\n'.encode()
    for name,other in others.items():
        if other!=data: yield f'holds {name}',other


def write(call, suffix, data): # a call of a folder that writes a hostile file and reads it
    def run(folder):
        path = folder/f'hostile{suffix}'
        path.write_bytes(data)
        return call(path)
    return run


def damaged_files(base, rng):
    formats = ('data.safetensors', 'data.npz', 'data.npy', 'data.parquet', 'plain.json', 'model.pt',
               'level.pt')
    others = {n: (base/n).read_bytes() for n in formats}
    for name,(good,call,right) in readers().items():
        data,suffix = (base/good).read_bytes(),Path(good).suffix
        case(name, 'whole', write(call, suffix, data), right=lambda r, right=right: right is None
             or right(r))
        for id,bad in damages(data, others, rng, 14): case(name, id, write(call, suffix, bad),
                right=right)
        def at(make, call=call, suffix=suffix):
            def run(folder):
                make(folder/f'hostile{suffix}')
                return call(folder/f'hostile{suffix}')
            return run
        for id,make in (('a folder', os.mkdir), ('absent', lambda p: None),
                        ('a link to itself', lambda p: p.symlink_to(p)),
                        ('a link to a device', lambda p: p.symlink_to('/dev/zero')),
                        ('a pipe', os.mkfifo), ('a terabyte of nothing',
                                                lambda p: (p.touch(), os.truncate(p, 2**40)))):
            case(name, id, at(make), 'hostile')


def damaged_runs(base, rng):
    for work,inner in RUNS.items():
        for file in ('last.ckpt/state.safetensors', 'train_config.json',
                     *(('curriculum.json',) if work=='curriculum' else ())):
            data = (base/work/inner/file).read_bytes()
            def run(folder, work=work, file=inner+file, bad=b''):
                shutil.copytree(base/work, folder/'run')
                (folder/'run'/file).unlink()
                if bad is not None: (folder/'run'/file).write_bytes(bad)
                return train(work, folder/'run')
            at = Path(file).name
            case(f'resume {work}', f'{file} whole', lambda f, run=run, data=data: run(f, bad=data),
                 right=len)
            extra = [('a list', b'[1, 2]'), ('null', b'null'),
                     ('empty settings', b'{}')] if file.endswith('json') else []
            for id,bad in [*damages(data, {}, rng, 8), *extra]: case(f'resume {work}',
                    f'{file} {id}', lambda f, run=run, bad=bad: run(f, bad=bad), right=len)
            if file=='train_config.json': case(f'resume {work}', f'{file} absent', lambda f,
                                               run=run: run(f, bad=None), at)
        from geofractal_nb.storage import load_tensors, save_tensors
        tensors,progress = load_tensors(base/work/inner/'last.ckpt/state.safetensors')
        def changed(folder, work=work, inner=inner, tensors=tensors, progress=progress):
            shutil.copytree(base/work, folder/'run')
            save_tensors(folder/'run'/inner/'last.ckpt/state.safetensors', tensors, progress)
            return train(work, folder/'run')
        for n in sorted(progress):
            case(f'resume {work}', f'progress without {n}', lambda f, go=changed,
                 p={k: v for k,v in progress.items() if k!=n}: go(f, progress=p),
                 'state.safetensors')
            for bad in (None, 'x', -1, [[]]): case(f'resume {work}', f'{n} = {bad}', lambda f,
                                                   go=changed, p={**progress, n: bad}:
                                                   go(f, progress=p), right=len)
        for bad in (None, [], 'x', 7): case(f'resume {work}', f'progress {bad!r}', lambda f,
                                            go=changed, p=bad: go(f, progress=p),
                                            'state.safetensors')
        for prefix in sorted({n.split('/')[0] for n in tensors}):
            mine = [n for n in tensors if n.startswith(f'{prefix}/')]
            case(f'resume {work}', f'without {prefix}', lambda f, go=changed,
                 t={n: t for n,t in tensors.items() if n not in mine}: go(f, tensors=t),
                 'state.safetensors')
            for id,other in (('nan', lambda t: t.float()*torch.nan),
                             ('flat', lambda t: t.flatten()[:1].expand(7).clone()),
                             ('text', lambda t: torch.zeros(3, dtype=torch.uint8))):
                case(f'resume {work}', f'{mine[-1]} {id}', lambda f, go=changed,
                     t={**tensors, mine[-1]: other(tensors[mine[-1]])}: go(f, tensors=t),
                     'state.safetensors')


# Programs in pickles

DANGEROUS = '''
os.system posix.system os.popen os.execv os.remove builtins.eval builtins.exec builtins.compile
builtins.open builtins.__import__ builtins.getattr builtins.setattr builtins.globals
builtins.print subprocess.Popen subprocess.check_output subprocess.call shutil.rmtree shutil.copy
importlib.import_module runpy.run_path runpy.run_module pickle.loads pickle.load marshal.loads
types.FunctionType types.CodeType code.interact pty.spawn ctypes.CDLL socket.socket
webbrowser.open operator.attrgetter operator.methodcaller functools.partial sys.exit
signal.raise_signal io.open pathlib.Path torch.load torch.serialization.load torch.hub.load
torch.jit.load torch.ops.load_library torch.utils.data.DataLoader torch._dynamo.optimize
torch.save torch.storage._load_from_bytes numpy.load numpy.fromfile numpy.save
numpy.testing._private.utils.runstring numpy.ctypeslib.load_library collections.namedtuple
codecs.decode geofractal_nb.storage.write_text geofractal_nb.storage.sweep
'''.split()


def program(name, argument, protocol):
    "A pickle that calls a name with a text"
    module,_,last = name.rpartition('.')
    called = struct.pack('<I', len(argument))+argument.encode()+b'\x85R.'
    if protocol<4: return b'\x80\x02c'+f'{module}\n{last}\n'.encode()+b'X'+called
    text = lambda t: b'\x8c'+bytes([len(t)])+t.encode()
    return b'\x80\x04'+text(module)+text(last)+b'\x93'+text(argument)+b'\x85R.'


def archive(good, program=None, members=(), compress=zipfile.ZIP_STORED):
    "A torch archive with another program, or other members"
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(good)) as z, zipfile.ZipFile(out, 'w', compress) as w:
        for n in z.namelist(): w.writestr(n, program if program is not None
                                          and n.endswith('/data.pkl') else z.read(n))
        for n,data in members: w.writestr(n, data)
    return out.getvalue()


def programs(base, rng):
    argument = f"touch {base/'canary'}"
    targets = [(n, r) for n,r in readers().items() if r[0].endswith('.pt')]
    good = (base/'model.pt').read_bytes()
    for i,name in enumerate(DANGEROUS):
        text = f"__import__('os').system({argument!r})" if name.split('.')[-1] in ('eval', 'exec',
                'compile', 'runstring') else argument
        for kind,data in (('archive', archive(good, program(name, text, 2))),
                          ('pickle', program(name, text, 2)),
                          ('pickle of protocol 4', program(name, text, 4))):
            reader,(_,call,_) = targets[(i+len(kind))%len(targets)]
            case('programs', f'{name} in an {kind}, {reader}', write(call, '.pt', data),
                 'hostile.pt', name)
    class Hostile:
        def __reduce__(self): return os.system, (argument,)
    arrays = np.array([Hostile()], dtype=object)
    out = io.BytesIO(); np.save(out, arrays, allow_pickle=True)
    packed = io.BytesIO(); np.savez(packed, features=arrays, labels=np.arange(3))
    for n,(good_file,call,_) in readers().items():
        suffix = Path(good_file).suffix
        case('programs', f'a pickle, {n}', write(call, suffix, pickle.dumps(Hostile())), 'hostile')
        case('programs', f'a torch file, {n}',
             write(call, suffix, archive(good, program('os.system', argument, 2))), 'hostile')
        case('programs', f'objects in npy, {n}', write(call, suffix, out.getvalue()), 'hostile')
        case('programs', f'objects in npz, {n}', write(call, suffix, packed.getvalue()), 'hostile')


def bombs(base, rng):
    from geofractal_nb.training.checkpoints import load_checkpoint
    from geofractal_nb.storage import load_json, load_state, load_tensors
    good,level = (base/'model.pt').read_bytes(),(base/'level.pt').read_bytes()
    def pt(id, data, *words):
        for n,call in (('load_state', load_state),
                       ('load_checkpoint', load_checkpoint)): case('bombs', f'{id}, {n}',
                               write(call, '.pt', data), 'hostile.pt', *words)
    saved = lambda value, **k: (out := io.BytesIO(), torch.save(value, out, **k))[0].getvalue()
    text = lambda t: b'X'+struct.pack('<I', len(t))+t.encode()
    long = lambda n: b'\x8a\x06'+struct.pack('<Q', n)[:6]
    storage = lambda n: (b'('+text('storage')+b'ctorch\nFloatStorage\n'+text('0')+text('cpu')
                         +long(n)+b'tQ')
    tensor = lambda count, size: (b'\x80\x02ctorch._utils\n_rebuild_tensor_v2\n('+storage(count)
                                  +b'K\x00'+long(size)+b'\x85K\x01\x85\x89'
                                  +b'ccollections\nOrderedDict\n)RtR.')
    pt('storage of a terabyte', archive(good, tensor(2**38, 1)), 'claims')
    pt('tensor of a terabyte', archive(good, tensor(1, 2**38)))
    pt('strides of zero', saved({'w': torch.zeros(1).expand(10**6, 10**6)}), 'claims')
    pt('strides of zero, old format', saved({'w': torch.zeros(1).expand(10**6, 10**6)},
                                            _use_new_zipfile_serialization=False), 'claims')
    pt('compressed zeros', archive(good, members=[('model/data/99', bytes(10**8))],
                                   compress=zipfile.ZIP_DEFLATED), 'compressed')
    pt('two members of one name',
       archive(good, members=[(zipfile.ZipFile(io.BytesIO(good)).namelist()[0], b'')]), 'one name')
    for name in ('../../etc/x', '/etc/x', 'a\\..\\b', 'x\ny', 'n'*3000): pt(f'member {name[:12]!r}',
            archive(good, b'', [(name, b'x')]))
    pt('deep lists', archive(good, b'\x80\x02'+b']'*100_000+b'a'*99_999+b'.'))
    pt('a list in itself', archive(good, b'\x80\x02]q\x00h\x00a.'), 'without end')
    pt('doubling lists', archive(good, b'\x80\x02]q\x00'
                                 +b''.join(b'(h'+bytes([i])+b'h'+bytes([i])+b'lq'+bytes([i+1])
                                           for i in range(60))+b'.'))
    doubled = b'\x80\x02K\x01q\x00'+b''.join(b'h'+bytes([i])+b'h'+bytes([i])+b'\x86q'+bytes([i+1])
                                             for i in range(60))
    pt('doubling tuples', archive(good, doubled+b'.'), 'without end')
    pt('a key that takes for ever to hash', archive(good, b'\x80\x02}'+doubled[2:]+b'K\x01s.'),
       'key')
    pt('a set that takes for ever to hash', archive(good, b'\x80\x02cbuiltins\nset\n]'+doubled[2:]
                                                    +b'a\x85R.'), 'builtins.set')
    pt('a byte array of a terabyte', archive(good, b'\x80\x05\x96'+struct.pack('<Q', 2**40)+b'.'))
    pt('a memo of gigabytes', archive(good, b'\x80\x02K\x01r\xff\xff\xff\x7f.'))
    pt('text of gigabytes', archive(good, b'\x80\x02X\xff\xff\xff\x7fab.'))
    pt('an integer of a million digits', archive(good, b'\x80\x02L'+b'9'*10**6+b'L\n.'))
    for id,call in (('an array of a terabyte',
                     b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
                      b"\x8a\x06\x00\x00\x00\x00\x40\x00\x85U\x01b\x87R."),
                    ('an array called',
                     b"cnumpy\nndarray\n\x8a\x06\x00\x00\x00\x00\x40\x00\x85\x85R."),
                     ('a type of gigabytes',
                      b"cnumpy\ndtype\nX\x0b\x00\x00\x00V2000000000\x89\x88\x87R."),
                    ('an odd codec',
                     b"c_codecs\nencode\nX\x01\x00\x00\x00bX\x05\x00\x00\x00rot13\x86R."),
                     ('an ordered dictionary', b"ccollections\nOrderedDict\n]\x85R.")):
        case('bombs', id, write(load_checkpoint, '.pt', archive(level, b'\x80\x02'+call)),
             'hostile.pt')
    for id,text,words in (('deep', '['*100_000, ['hostile.json']),
                          ('deep objects', '{"a":'*100_000, ['hostile.json']),
                          ('deep and closed', '['*50_000+']'*50_000, ['hostile.json']),
                          ('digits', '9'*10**6, ['hostile.json']),
                          ('bytes', b'\xff\xfe\x00', ['hostile.json']),
                          ('half', '"\\ud800', ['hostile.json']),
                          ('two values', '1 2', ['hostile.json']),
                          ('a mark of order', b'\xef\xbb\xbf{}', []),
                          ('lone surrogate', '"\\ud800"', []), ('exponent', '1e999999999', []),
                          ('control', '"a\x00b"', ['hostile.json'])):
        case('bombs', f'JSON {id}', write(load_json, '.json', text if isinstance(text, bytes)
                                          else text.encode()), *words)
    header = lambda h, rest=b'': (lambda b: struct.pack('<Q', len(b))+b
                                  +rest)(h if isinstance(h, bytes) else json.dumps(h).encode())
    entry = lambda dtype='F32', shape=(2,), at=(0, 8): {'w': dict(dtype=dtype, shape=list(shape),
            data_offsets=list(at))}
    lies = {'length 2^63': struct.pack('<Q', 2**63)+b'{}', 'length 2^40': struct.pack('<Q', 2**40)
            +b'{}', 'length 10^8': struct.pack('<Q', 10**8)+b'{}', 'length 0': bytes(8),
            'offsets beyond': header(entry(at=(0, 2**40)), bytes(8)),
            'offsets reversed': header(entry(at=(8, 0)), bytes(8)),
            'offsets negative': header(entry(at=(-8, 8)), bytes(8)),
            'shape too large': header(entry(shape=(2**40,)), bytes(8)),
            'shape overflows': header(entry(shape=(2**33, 2**33)), bytes(8)),
            'shape negative': header(entry(shape=(-2,)), bytes(8)),
            'type unknown': header(entry('F999'), bytes(8)),
            'type missing': header({'w': dict(shape=[2], data_offsets=[0, 8])}, bytes(8)),
            'a list': header([1]), 'text': header('w'),
            'deep': header(b'['*100_000), 'overlap': header({**entry(), 'v': entry()['w']},
                    bytes(8)), 'a hole': header({'w': entry(at=(8, 16))['w']}, bytes(16)),
            'meta no text': header({'__metadata__': {'meta': 7}, **entry()}, bytes(8)),
            'metadata no dictionary': header({'__metadata__': [], **entry()}, bytes(8)),
            'meta no JSON': header({'__metadata__': {'meta': '{'}, **entry()}, bytes(8)),
            'meta deep': header({'__metadata__': {'meta': '['*100_000}, **entry()}, bytes(8)),
            'meta digits': header({'__metadata__': {'meta': '9'*10**5}, **entry()}, bytes(8))}
    for id,data in lies.items():
        for n in ('load_tensors', 'load_state', 'load_model', 'load_dataset safetensors',
                  'open_store'): case('bombs', f'header {id}, {n}',
                                      write(readers()[n][1], '.safetensors', data), 'hostile')
    case('bombs', 'header without metadata', write(load_tensors, '.safetensors',
                                                   header(entry(), bytes(8))),
                                                   right=lambda r: r[1] is None)
    size = lambda text: struct.pack('<H', len(text))
    raw = lambda text, rest=b'': b'\x93NUMPY\x01\x00'+size(text)+text.encode()+rest
    def npy(descr, shape, rest=b''):
        head = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n"
        return raw(head % (descr, shape), rest)
    arrays = {'a terabyte': npy('<f4', '(1000000, 1000000)'),
              'shape of powers': npy('<f4', '(10**6, 10**6)'),
              'negative': npy('<f4', '(-1, 4)', bytes(64)),
              'overflow': npy('<f4', '(4611686018427387904, 4)'),
              'wide type': npy('|V2000000000', '(1,)'),
              'dates': npy('<M8[s]', '(60, 4)', bytes(1920)),
              'a call': raw(f"__import__('os').system('touch {base}/canary')\n"),
              'deep': raw('('*60_000), 'no shape': raw("{'descr': '<f4'}\n"),
              'length lies': b'\x93NUMPY\x02\x00'+struct.pack('<I', 2**32-1)+b'{}',
              'version 9': b'\x93NUMPY\x09\x00'+bytes(100)}
    for id,data in arrays.items():
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('features.npy',
                data); z.writestr('labels.npy', (base/'labels.npy').read_bytes())
        case('bombs in arrays', f'npy {id}', write(readers()['load_dataset npy'][1], '.npy', data),
             'hostile')
        case('bombs in arrays', f'npz {id}', write(readers()['load_dataset npz'][1], '.npz',
                                         packed.getvalue()), 'hostile')


def settings(base, rng):
    from geofractal_nb.training.checkpoints import load_checkpoint, load_checkpoint_for_inference
    good = torch.load(base/'level.pt', weights_only=True)
    def saved(parts):
        def run(folder):
            torch.save(parts, folder/'hostile.pt')
            return load_checkpoint_for_inference(folder/'hostile.pt')
        return run
    for n in ('d_model', 'n_heads', 'feed_forward', 'depth', 'learn_mix'):
        for v in (10**6, 10**9, 10**30, 0 if n!='feed_forward' else 5, -1, .5, float('nan'),
                  float('inf'), 'wide', None, [8], {}, b'8'):
            case('settings', f'{n} = {v!r:.12}',
                 saved({**good, 'model_config': {**good['model_config'], n: v}}), 'hostile.pt', n)
    for v in ('99', '', '2.0\n', '2', 2., 2, None, [], ['2.0'], {},
              True): case('settings', f'version {v!r}', saved({**good, 'metadata': {'version': v}}),
                          'hostile.pt', 'version', '2.0')
    case('settings', 'no metadata', saved({n: v for n,v in good.items() if n!='metadata'}),
         'hostile.pt', 'version')
    for n in good:
        for v in (None, [], 'x', 7, {}, torch.zeros(2)):
            words = ('hostile.pt',) if n in ('model_config', 'model_state_dict',
                                             'classifier_state_dict', 'metrics', 'dataset_config',
                                             'curriculum_info', 'metadata') else ()
            case('settings', f'{n} is {v!r:.8}', saved({**good, n: v}), *words)
    for v in (0, -3, 10**9, 1.5, 'three', [3], float('nan'),
              True): case('settings', f'n_foci = {v!r}',
                          saved({**good, 'dataset_config': {**good['dataset_config'],
                                  'n_foci': v}}), 'hostile.pt', 'n_foci')
    for part in ('model_state_dict', 'classifier_state_dict'):
        for n,t in good[part].items():
            for id,bad in (('nan', t*torch.nan), ('infinite', t/0), ('flat', t.flatten()[:1]),
                           ('a number', 1.), ('integers', t.long()),
                           ('complex', t.to(torch.cfloat))):
                case('settings', f'{n} {id}', saved({**good, part: {**good[part], n: bad}}),
                     'hostile.pt')
            case('settings', f'without {n}',
                 saved({**good, part: {m: v for m,v in good[part].items() if m!=n}}), 'hostile.pt')
        case('settings', f'{part} with more',
             saved({**good, part: {**good[part], 'extra': torch.ones(2)}}), 'hostile.pt')
        case('settings', f'{part} with a number as name',
             saved({**good, part: {**good[part], 7: torch.ones(2)}}), 'hostile.pt')
    shared = good['model_state_dict']['W_Q.weight']
    case('settings', 'weights that share',
         saved({**good, 'model_config': dict(d_model=8, n_heads=2, depth=3000),
                'model_state_dict': {**good['model_state_dict'],
                                     **{f'deeper.{i}.W_Q.weight': shared for i in range(2999)}}}),
         'bytes')
    for device in ('cuda:99', 'gpu', '', 'meta', 7, None): case('settings', f'device {device!r}',
            lambda f, d=device: load_checkpoint(base/'level.pt', d), 'device')


# Names that become paths

EVIL = ('', ' ', '.', '..', '../x', '../../etc/passwd', '/etc/passwd', 'a/b', 'a\\b', '-rf', '~',
        '$HOME', 'x\0y', 'two\nlines', '\x1b[31m', 'a'*300, '\u202e', 'con\r', '.hidden', 'a b',
        '*', None, 7, b'x', ['x'])


def names(base, rng):
    from geofractal_nb.training.checkpoints import find_checkpoints
    from geofractal_nb.data.embeddings import load_dataset
    from geofractal_nb.models.david import load_model
    from geofractal_nb.storage import (load_json, load_state, load_tensors, run_lock, save_json,
                                       sweep)
    from geofractal_nb.training.curriculum import train_with_adaptive_curriculum
    from geofractal_nb.training.runs import RunFolder, read_config
    for v in EVIL:
        shown = repr(v)[:20]
        for n in ('model', 'run_id'): case('names', f'{n} = {shown}', lambda f, n=n,
                                           v=v: RunFolder(f, **{'model': 'm', 'run_id': 'r', n: v}),
                                           f'{n} must be')
        inside = isinstance(v, str) and v.strip() and not v.startswith(('.', '/'))
        path = lambda f, v=v, inside=inside: f/v if inside else v
        for call in (load_json, load_state, load_tensors, find_checkpoints, read_config):
            case('names', f'{call.__name__} {shown}', lambda f, c=call, path=path: c(path(f)),
                 right=lambda r: False)
        case('names of models', f'load_model {shown}', lambda f, path=path: load_model(path(f)),
             right=lambda r: False)
        if v=='a'*300: continue
        name = f'{v}.npz' if isinstance(v, str) and '/' in v else v # a slash would ask the hub
        case('names of data', f'load_dataset {shown}', lambda f, name=name: load_dataset(name),
             right=lambda r: False)
    for v in ('', 'x\0y', 'a'*300, 7):
        case('names', f'save_dir = {v!r:.10}', lambda f,
             v=v: train_with_adaptive_curriculum(save_dir=v, max_n_foci=1, epochs_per_level=1,
                                                 stability_window=2, observers=()),
                                                 right=lambda r: False)
        case('names', f'run_lock {v!r:.10}', lambda f,
             v=v: run_lock(f/v if isinstance(v, str) and v.strip() else v).__enter__(),
             right=lambda r: False)
        case('names', f'save_json {v!r:.10}', lambda f,
             v=v: save_json(f/v if isinstance(v, str) and v.strip() else v, 1),
             right=lambda r: False)
    def linked(folder):
        (folder/'mine.txt').write_text('mine')
        (folder/'.lock').symlink_to(folder/'mine.txt')
        try: run_lock(folder).__enter__()
        finally: assert (folder/'mine.txt').read_text()=='mine'
    case('names', 'a lock that is a link', linked, 'link')
    def lock_folder(folder): (folder/'.lock').mkdir(); run_lock(folder).__enter__()
    case('names', 'a lock that is a folder', lock_folder, "cannot be a run's folder")
    def in_file(folder): (folder/'hostile').write_text('x'); run_lock(folder/'hostile').__enter__()
    case('names', 'a file as run folder', in_file, 'hostile')
    def kept(folder):
        (folder/'out').mkdir()
        (folder/'mine').write_text('mine')
        (folder/'out/.x.abcdefgh.geofractal.tmp').symlink_to(folder/'mine')
        for n in ('.x.tmp', 'x.abcdefgh.geofractal.tmp',
                  '.x.short.geofractal.tmp'): (folder/'out'/n).write_text('mine')
        (folder/'out/.d.abcdefgh.geofractal.tmp').mkdir()
        sweep(folder)
        return len(list((folder/'out').iterdir()))==5 and (folder/'mine').read_text()=='mine'
    case('names', 'what is not ours is kept', kept, right=bool)
    def links(folder):
        (folder/'level_1_checkpoint.pt').symlink_to(folder/'level_1_checkpoint.pt')
        (folder/'level_2_checkpoint.pt').mkdir()
        (folder/f'level_{"9"*40}_checkpoint.pt').touch()
        return find_checkpoints(folder)
    case('names', 'levels that are none', links, 'no level_*')


# Running the cases

def judged(c, folder):
    "What is wrong with a case's answer, or nothing"
    try: out = c.call(folder)
    except (ValueError, OSError) as e:
        said = str(e)
        if type(e) is not ValueError and not isinstance(e, OSError):
            return f'{type(e).__name__}: {said[:200]}'
        if not 10<len(said)<500 or len(said.splitlines())!=1: return f'not one line: {said[:300]!r}'
        ours = ('hostile', 'last.ckpt', 'train_config.json', 'curriculum.json', '/run ', '/run/')
        if 'names' not in c.group and c.group!='settings' and not any(n in said for n in ours):
            return f'names no file: {said[:200]}'
        lacks = [w for w in c.words if w not in said]
        return f'does not say {lacks}: {said[:300]}' if lacks else ''
    except BaseException as e: return f'{type(e).__name__}: {str(e)[:200]}'
    if c.words: return f'was accepted: {out!r:.100}'
    return '' if c.right is None or c.right(out) else f'wrong answer: {out!r:.100}'


def corpus(base):
    rng = random.Random(0)
    for part in (damaged_files, damaged_runs, programs, bombs, settings, names): part(base, rng)
    return CASES


def worker(base, start):
    "Run cases from a number on, each announced before and judged after"
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)
    if not (base/'plain.json').exists(): good_files(base)
    cases = corpus(base)
    pages = Path('/proc/self/statm')
    in_use = int(pages.read_text().split()[0])*resource.getpagesize() if pages.exists() else 2**34
    resource.setrlimit(resource.RLIMIT_AS, (in_use+MEMORY, resource.RLIM_INFINITY))
    with open(base/'log', 'a') as log:
        for i,c in enumerate(cases[start:], start):
            print(json.dumps([i, c.group, c.id]), file=log, flush=True)
            used = resource.getrusage(resource.RUSAGE_SELF)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime+used.ru_stime)+SECONDS,
                                                     resource.RLIM_INFINITY))
            folder = base/'cases'/str(i)
            folder.mkdir(parents=True)
            os.chdir(folder)
            fault = judged(c, folder)
            if (base/'canary').exists():
                (base/'canary').unlink()
                fault = 'EXECUTED what the file asks for'
            os.chdir(base)
            shutil.rmtree(folder, ignore_errors=True)
            print(json.dumps([i, fault]), file=log, flush=True)
        print(json.dumps(['all']), file=log, flush=True)


@pytest.fixture(scope='module')
def verdicts(tmp_path_factory):
    "Group -> case -> fault or ''"
    if not hasattr(os, 'mkfifo'): pytest.skip('needs POSIX')
    base = tmp_path_factory.mktemp('h')
    (base/'log').touch()
    env = {**os.environ, 'HOSTILE': str(base), 'GEOFRACTAL_CACHE': str(base/'cache'),
           'GEOFRACTAL_HEADLESS': '1', 'HF_HUB_OFFLINE': '1', 'OMP_NUM_THREADS': '1'}
    start,found = 0,{}
    while True:
        how = subprocess.run([sys.executable, __file__, str(base), str(start)], env=env,
                             capture_output=True, text=True, timeout=600)
        lines = [json.loads(l) for l in (base/'log').read_text().splitlines()]
        known = {l[0]: l[1:] for l in lines if len(l)==3}
        faults = {l[0]: l[1] for l in lines if len(l)==2}
        if ['all'] in lines: break
        last = max(known, default=-1)
        assert last>=start, how.stderr[-2000:]
        said = f'ended the process with {how.returncode}: out of time, or worse'
        with open(base/'log', 'a') as log: print(json.dumps([last, said]), file=log)
        start = last+1
    for i,(group,id) in known.items(): found.setdefault(group, {})[id] = faults[i]
    return found


GROUPS = ['load_tensors', 'load_json', 'load_pickled', 'load_state', 'load_state pt',
          'load_state old pt', 'load_model', 'load_model pt', 'load_checkpoint',
          'load_checkpoint 1.0.0', 'load_checkpoint_for_inference', 'load_dataset safetensors',
          'load_dataset npz', 'load_dataset packed npz', 'load_dataset npy', 'load_dataset parquet',
          'open_store', 'resume classifier', 'resume curriculum', 'programs', 'bombs',
          'bombs in arrays', 'settings', 'names', 'names of models', 'names of data']


@pytest.mark.parametrize('group', GROUPS)
def test_no_hostile_case_does_harm(group, verdicts):
    faults = {id: fault for id,fault in verdicts[group].items() if fault}
    assert not faults, f'{len(faults)} of {len(verdicts[group])}:\n'+'\n'.join(f'{id} -> {fault}'
            for id,fault in list(faults.items())[:25])


def test_the_corpus_is_whole(verdicts):
    assert set(verdicts)==set(GROUPS)
    assert sum(map(len, verdicts.values()))>=500


# What happens to a folder during a run

@pytest.mark.parametrize('work', list(RUNS))
def test_a_folder_deleted_during_a_run_is_noticed(work, tmp_path, monkeypatch):
    from geofractal_nb.training import curriculum
    from geofractal_nb.training.observers import Checkpoints
    folder = tmp_path/'run'
    lost = lambda real: lambda *a, **k: (shutil.rmtree(folder), real(*a, **k))[1]
    if work=='classifier': monkeypatch.setattr(Checkpoints, 'epoch', lost(Checkpoints.epoch))
    else: monkeypatch.setattr(curriculum, 'save_tensors', lost(curriculum.save_tensors))
    with pytest.raises(OSError, match='was deleted or replaced during its run'): train(work, folder)
    assert not folder.exists()


WRITER = """
import os, signal, sys
from geofractal_nb.storage import atomic_path
with atomic_path(sys.argv[1]) as tmp:
    tmp.write_text('half')
    print('writing', flush=True)
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_leftovers_are_swept_once_their_writer_is_gone(tmp_path):
    from geofractal_nb.storage import run_lock, write_text
    writer = subprocess.Popen([sys.executable, '-c', WRITER, str(tmp_path/'deep/state.json')],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    left = lambda: [p for p in (tmp_path/'deep').iterdir() if p.suffix=='.tmp']
    try:
        assert writer.stdout.readline()=='writing\n'
        with run_lock(tmp_path): assert len(left())==1 # its writer lives
        writer.communicate('die\n')
    finally:
        writer.kill()
        writer.wait()
    (tmp_path/'deep/.state.json.tmp').write_text('mine')
    assert len(left())==2
    with run_lock(tmp_path): assert [p.name for p in left()]==['.state.json.tmp']
    for n in ('new', 'other'): (tmp_path/f'deep/.{n}.json.abcdefgh.geofractal.tmp').touch()
    write_text(tmp_path/'deep/new.json', '{}') # a file's next writer sweeps after its predecessors
    assert sorted(p.name for p in left())==['.other.json.abcdefgh.geofractal.tmp',
                                            '.state.json.tmp']


FULL = """
import resource, sys, torch
from geofractal_nb.training.checkpoints import save_level_checkpoint
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try: save_level_checkpoint(sys.argv[1], {'model_state_dict': {'w': torch.ones(5000)}})
except OSError as e: print(e)
"""


def test_a_full_disk_names_the_checkpoint(tmp_path):
    command = [sys.executable, '-c', FULL, str(tmp_path/'level_1_checkpoint.pt')]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert 'level_1_checkpoint.pt' in said and 'free space or choose a writable folder' in said
    assert not list(tmp_path.iterdir())


def test_only_best_models_are_replaced(tmp_path):
    from geofractal_nb.training.runs import RunFolder, save_best
    run = RunFolder(tmp_path, 'm', 'r')
    run.weights.mkdir(parents=True)
    for n in ('best_model_accounts.md', 'best_model_acc.txt', 'best_model_acc12.34.safetensors'):
        (run.weights/n).write_text('mine')
    save_best(run, .5, lambda p: p.write_text('new'), {})
    assert sorted(p.name for p in run.weights.iterdir())==[
        'best_model_acc.txt', 'best_model_acc50.00.safetensors',
        'best_model_acc50.00_metadata.json', 'best_model_accounts.md']


if __name__=='__main__': worker(Path(sys.argv[1]), int(sys.argv[2]))
