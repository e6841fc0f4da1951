"Storage, run folders, observers, checkpoints: paths, names, foreign files, contradicting settings"
import os
import pickle
import types

import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.training.checkpoints import save_level_checkpoint
from geofractal_nb.core import generator, seeded_linear
from geofractal_nb.models.zeta import ZetaBlock
from geofractal_nb.storage import load_json, load_tensors, save_tensors, write_text
from geofractal_nb.training.observers import Observer
from geofractal_nb.training.runs import PROGRESS, RunFolder, load_run_state

nan,inf = float('nan'),float('inf')
W = {'w': torch.arange(6.).reshape(2, 3)}
RECORD = dict(epoch=0, val_top1=.5, val_loss=1., temperature=.1)
TOLD = dict(epoch=1, history=[RECORD], best_record=RECORD, precision='fp32', stopped='')
RUN = dict(model=W, loss={}, best=W, optimizer={'0.step': torch.ones(())})
FOCI = dict(n_foci=3, focal_angles=np.arange(3.), focal_weights=np.ones(3)/3,
            focal_centers=np.zeros((3, 2)))

MIXED = {'weight': torch.ones(3, 8).half(), 'bias': torch.ones(3).double()}


def wrote(path, data): # a file with these bytes
    path.write_bytes(data)
    return path


def pickled(path, value, **options): # a torch file
    torch.save(value, path, **options)
    return path


class Program:
    def __reduce__(self): return os.system, ('true',)


def level(path, **changes): # a checkpoint with parts replaced
    block,head = ZetaBlock(8, 2, gen=generator(0, 'rows')),seeded_linear(8, 3, generator(1, 'rows'))
    parts = dict(model_config=dict(d_model=8, n_heads=2), model_state_dict=block.state_dict(),
                 classifier_state_dict=head.state_dict(), metrics=dict(kappa=[1.]),
                 dataset_config=FOCI,
                 curriculum_info=dict(level=3))
    save_level_checkpoint(path, {**parts, **changes})
    return path


def version(path, v): # a checkpoint of that version
    parts = torch.load(level(path), weights_only=True)
    return pickled(path, {**parts, 'metadata': dict(version=v)})


def run(folder): return RunFolder(folder, 'm', 'r')


def saved(folder, parts=RUN, told=TOLD): # a run folder with a checkpoint, its content unchecked
    r = run(folder)
    save_tensors(r.checkpoint, {f'{p}/{n}': t for p,d in parts.items() for n,t in d.items()}, told)
    return r


def adam():
    w = torch.nn.Parameter(torch.ones(3))
    opt = torch.optim.AdamW([w])
    w.sum().backward()
    opt.step()
    return opt


MOMENTS = {'0.step': torch.tensor(2.), '0.exp_avg': torch.ones(3), '0.exp_avg_sq': torch.ones(3)}
LIKE = {'w': torch.ones(2, 3)}


def used(manager, *args): # enter and leave
    with manager(*args) as got: return got


READERS = ('storage.load_json', 'storage.load_tensors', 'storage.load_state',
           'storage.load_pickled',
           'storage.existing_file', 'training.checkpoints.load_checkpoint',
           'training.checkpoints.load_checkpoint_for_inference')
ROWS = [
    *(refused(s, lambda f, v=v: f(v), word) for s in READERS
      for v,word in ((None, 'None'), (7, '7'), (b'x.pt', "b'x.pt'"), ('', 'folder'),
                     ('no\nwhere.pt', r'no\nwhere.pt'), ('a\0b', r'a\x00b'))),
    *(refused(s, lambda f, t: f(t), 'is a folder') for s in READERS),
    *(refused(s, lambda f, t: f('x'*300), 'no file', 'xxx') for s in READERS),
    *(refused(s, lambda f, t: f(wrote(t/'empty.pt', b'')), 'empty.pt') for s in READERS
      if s!='storage.existing_file'),
    right('storage.existing_file', lambda f, t: f(str(wrote(t/'a', b''))).name, 'a'),
    right('storage.path_text', lambda f: f('a\nb\0'), r'a\nb\x00'),
    right('storage.path_text', lambda f: f('ü'*500), lambda s: len(s)==160 and s.endswith('ü')),
    right('storage.path_text', lambda f: f(None), 'None'),

    *(refused('storage.write_text', lambda f, t, v=v: f(t/'a.txt', v), word)
      for v,word in ((None, 'None'), (b'x', "b'x'"), (7, '7'), ('\ud800', 'a.txt'))),
    *(refused(s, lambda f, v=v: f(v, 'x'), 'path')
      for s in ('storage.write_text', 'storage.save_json') for v in (None, 7, b'x', 'a\0b')),
    right('storage.write_text', lambda f, t: (f(t/('n'*200), 'ü'), (t/('n'*200)).read_bytes())[1],
          'ü'.encode()),
    *(refused('storage.save_json', lambda f, t, v=v: f(t/'a.json', v), 'a.json', 'JSON')
      for v in (nan, [inf], {'a': -inf}, {(1, 2): 3}, {1, 2}, b'x', torch.ones(2), np.ones(2),
                np.float32(nan), print)),
    right('storage.save_json', lambda f,
          t: (f(t/'a', [np.float32(.5), np.int8(3), torch.tensor(True)]), load_json(t/'a'))[1],
          [.5, 3, True]),
    right('storage.load_json', lambda f, t: f(wrote(t/'a', b'\xef\xbb\xbf{"k": 4}')), {'k': 4}),
    *(refused('storage.load_json', lambda f, t, v=v: f(wrote(t/'bad.json', v)), 'bad.json',
              'not JSON')
      for v in (b'{', b'\xff', b'1 2', b'['*100_000, b'9'*10**6, b'{"a":'*100_000)),
    refused('storage.load_json', lambda f,
            t: f((wrote(t/'huge.json', b''), os.truncate(t/'huge.json', 2**40), t/'huge.json')[2]),
            'huge.json', 'bytes'),
    *(refused('storage.save_tensors', lambda f, t, v=v: f(t/'a.safetensors', v), word)
      for v,word in ((None, 'dictionary'), ([1], 'dictionary'), ({'a': 'text'}, 'tensor'),
                     ({'a': None}, 'tensor'), ({7: torch.ones(2)}, 'text'),
                     ({'__metadata__': torch.ones(2)}, '__metadata__'))),
    refused('storage.save_tensors', lambda f, t: f(t/'a.safetensors', W, {'x': nan}),
            'a.safetensors', 'NaN'),
    refused('storage.save_tensors', lambda f: f(None, W), 'path'),
    *(right('storage.save_tensors', lambda f, t, v=v: (f(t/'a', {'w': v}),
                                                       load_tensors(t/'a')[0]['w'])[1], W['w'])
      for v in (W['w'], W['w'].T.contiguous().T, W['w'].numpy().astype('>f4').astype('f4'),
                W['w'].tolist(), W['w'].half(), W['w'].double())),
    right('storage.save_tensors', lambda f, t: (f(t/'a', {'a': W['w'], 'b': W['w']}),
                                                load_tensors(t/'a')[0]['b'])[1], W['w']),
    *(refused('storage.load_tensors', lambda f, t, v=v: f(wrote(t/'bad.safetensors', v)),
              'bad.safetensors')
      for v in (b'hello', bytes(8), b'\xff'*16, b'\x02'+bytes(7)+b'[]', pickle.dumps(W))),
    right('storage.load_tensors', lambda f, t: (save_tensors(t/'a', {}), f(t/'a'))[1], ({}, None)),
    *(refused('storage.load_pickled', lambda f, t, v=v: f(pickled(t/'bad.pt', v)), 'bad.pt', word)
      for v,word in ((Program(), 'posix.system'), ({'a': print}, 'builtins.print'),
                     ([np.float64(1)], 'numpy'), ({(1, 2): 3}, 'key'),
                     ({'w': torch.zeros(1).expand(10**5, 10**5)}, 'claims'))),
    refused('storage.load_pickled', lambda f, t: f(wrote(t/'bad.pt', pickle.dumps(Program()))),
            'posix.system'),
    refused('storage.load_pickled', lambda f, t: f(wrote(t/'bad.pt', pickle.dumps({}))),
            'torch did not write'),
    refused('storage.load_pickled', lambda f, t: f(pickled(t/'a.pt', W), device='gpu7'), 'gpu7',
            'auto'),
    right('storage.load_pickled', lambda f, t: f(pickled(t/'a.pt', [1, 'x', None, 2.5, (True,)])),
          [1, 'x', None, 2.5, (True,)]),
    *(right('storage.load_pickled', lambda f, t, d=d: f(pickled(t/'a.pt', W['w'].to(d))), W['w'])
      for d in (torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64,
                torch.uint8)),
    right('storage.load_pickled', lambda f,
          t: f(pickled(t/'a.pt', W['w'], _use_new_zipfile_serialization=False)), W['w']),
    *(refused('storage.load_state', lambda f, t, v=v: f(pickled(t/'bad.pt', v)), 'bad.pt',
              'state dict') for v in ([1], {'a': 1}, {1: W['w']}, W['w'], None)),
    right('storage.load_state', lambda f, t: f(pickled(t/'a.bin', W))['w'], W['w']),
    *(refused('storage.sweep', lambda f, v=v: f(v), 'folder') for v in (None, 7, b'x')),
    right('storage.sweep', lambda f, t: (write_text(t/'.a.tmp', 'mine'), f(t))[1], []),
    right('storage.sweep', lambda f, t: f(t/'nowhere'), []),
    *(refused('storage.run_lock', lambda f, v=v: used(f, v), "run's folder")
      for v in (None, 7, '', ' ', 'a\0b', b'x', '/dev/null/x')),
    refused('storage.run_lock', lambda f, t: used(f, wrote(t/'file', b'')), 'file', 'choose'),
    right('storage.run_lock', lambda f, t: used(f, str(t/'new')).is_dir(), True),
    *(refused('storage.atomic_path', lambda f, v=v: used(f, v), 'path') for v in (None, 7, 'a\0b')),
    right('storage.atomic_path', lambda f, t: (used(f, t/'new'/'a'), (t/'new'/'a').is_file())[1],
          True),

    *(refused('training.runs.RunFolder', lambda f, v=v: f('out', 'm', v), 'run_id must be')
      for v in ('', '../x', 'a/b', 'a\n', '.x', 'x'*200, 'ü'*128, None, 7, nan)),
    *(refused('training.runs.RunFolder', lambda f, v=v: f('out', v, 'r'), 'model must be')
      for v in ('', '..', 'a b', ['m'], 1.5)),
    *(refused('training.runs.RunFolder', lambda f, v=v: f(v, 'm', 'r'), 'out must be')
      for v in ('', None, 7, 'a\0b', b'x')),
    *(refused('training.runs.RunFolder', lambda f, v=v: f('out', 'm', 'r').best(v), 'accuracy')
      for v in (nan, inf, -1, 2, '1', None)),
    right('training.runs.RunFolder', lambda f: f('out', 'm', 'r').best(np.float32(.5)).name,
          'best_model_acc50.00.safetensors'),
    *(refused('training.runs.flatten_optimizer', lambda f, v=v: f(v), 'opt must be')
      for v in (None, {}, 7)),
    right('training.runs.flatten_optimizer', lambda f: f(adam())['0.step'], torch.tensor(1.)),
    *(refused('training.runs.restore_optimizer', lambda f, v=v: f(adam(), v, 'part of x.ckpt'),
              'x.ckpt')
      for v in (None, [1], {'0.step': 3}, {'0.step': torch.ones(())},
                {**MOMENTS, '7.step': torch.ones(())}, {**MOMENTS, '0.exp_avg': torch.ones(4)},
                {**MOMENTS, '0.exp_avg': torch.full((3,), nan)})),
    *(refused('training.runs.restore_optimizer', lambda f, v=v: f(v, MOMENTS), 'opt must be')
      for v in (None, {})),
    right('training.runs.restore_optimizer', lambda f: (o := adam(), f(o, MOMENTS),
                                                        o.state_dict()['state'][0]['exp_avg'])[2],
                                                        torch.ones(3)),
    *(refused('training.runs.check_tensors', lambda f, v=v: f(v, LIKE, 'x.ckpt'), 'x.ckpt')
      for v in (None, [], {}, {'w': 1}, {'v': torch.ones(2, 3)}, {'w': torch.ones(3, 2)},
                {'w': torch.ones(2, 3)*nan}, {'w': torch.ones(2, 3), 'v': torch.ones(1)})),
    right('training.runs.check_tensors', lambda f: f({'w': W['w'].T.contiguous().T}, LIKE,
                                                     'x')['w'], W['w']),
    *(refused('training.runs.read_config', lambda f, v=v: f(v), word) for v,
      word in ((None, 'folder'), (7, 'folder'), ('nowhere', 'settings are lost'))),
    *(refused('training.runs.read_config', lambda f, t,
              v=v: f(wrote(t/'train_config.json', v).parent), 'train_config.json')
              for v in (b'', b'[1]', b'null', b'{')),
    right('training.runs.read_config', lambda f,
          t: f(wrote(t/'train_config.json', b'{"k": 4}').parent), {'k': 4}),
    *(refused('training.runs.check_same_settings', lambda f, a=a, b=b: f(a, b, 'runs/x'), word)
      for a,b,word in ((dict(lr=1), dict(lr=2), 'lr: 1 there, 2 here'),
                       ({}, dict(lr=2), 'another version'), (dict(a=1, lr=2), dict(lr=2), "['a']"),
                       (None, {}, 'None'), ({}, [1], '[1]'))),
    right('training.runs.check_same_settings', lambda f: f(dict(s=[1, 2]), dict(s=(1, 2)), 'x'),
          None),
    *(refused('training.runs.check_progress', lambda f, v=v: f(v, PROGRESS, 'x.ckpt'),
              'x.ckpt must tell') for v in (None, [], 7, {}, {**TOLD, 'epoch': '1'},
                                            {**TOLD, 'epoch': True}, {**TOLD, 'x': 1})),
    right('training.runs.check_progress', lambda f: f(TOLD, PROGRESS, 'x'), TOLD),
    *(refused('training.runs.save_run_state', lambda f, t, v=v: f(run(t), v, TOLD),
              'parts must be') for v in (None, {}, {'model': W}, {**RUN, 'model': None})),
    refused('training.runs.save_run_state', lambda f, t: f(run(t), RUN, {}), 'must tell'),
    refused('training.runs.save_run_state', lambda f: f('runs/m/r', RUN, TOLD), 'RunFolder'),
    right('training.runs.save_run_state', lambda f, t: (f(run(t), RUN, TOLD),
            load_run_state(run(t))[0]['model']['w'])[1], W['w']),
    *(refused('training.runs.load_run_state', lambda f, t, v=v: f(saved(t, told=v)),
              'state.safetensors')
      for v in (None, [], {}, {**TOLD, 'epoch': 2}, {**TOLD, 'history': []},
                {**TOLD, 'history': [7]}, {**TOLD, 'best_record': {}})),
    *(refused('training.runs.load_run_state', lambda f, t, v=v: f(saved(t, v)),
              'state.safetensors', word)
      for v,word in (({**RUN, 'model': {}}, "'model'"), ({**RUN, 'optimizer': {}}, "'optimizer'"),
                     ({**RUN, 'other': W}, 'other/w'), ({**RUN, 'best': {'w': W['w']*nan}},
                                                        'NaN'))),
    refused('training.runs.load_run_state', lambda f: f('runs/m/r'), 'RunFolder'),
    right('training.runs.load_run_state', lambda f, t: f(run(t)), (None, None)),
    refused('training.runs.save_best', lambda f, t: f(run(t), nan, print, {}), 'accuracy'),
    refused('training.runs.save_best', lambda f, t: f(run(t), .5, None, {}), 'function'),
    refused('training.runs.save_best', lambda f: f('runs', .5, print, {}), 'RunFolder'),
    right('training.runs.save_best', lambda f,
          t: (f(run(t), np.float64(.5), lambda p: save_tensors(p, W), {'val': np.float32(.5)}),
              load_json(run(t).weights/'best_model_acc50.00_metadata.json'))[1], {'val': .5}),

    *(refused('training.observers.notify', lambda f, v=v: f([Observer()], v, None), 'event')
      for v in ('finish', '', None, 7)),
    refused('training.observers.notify', lambda f: f([print], 'start', None), "method 'start'"),
    right('training.observers.notify', lambda f: f((), 'start', None), None),
    right('training.observers.Observer', lambda f: f().step(None, nan), None),
    right('training.observers.Progress', lambda f: hasattr(f(), 'step'), True),
    *(refused(f'training.observers.{n}', lambda f, v=v: f(v), 'RunFolder')
      for n in ('TensorBoard', 'Checkpoints') for v in (None, 'runs', 7, types.SimpleNamespace())),

    *(refused('training.checkpoints.save_level_checkpoint', lambda f, t, v=v: f(t/'a.pt', v), word)
      for v,word in ((None, 'dictionary'), ([1], 'dictionary'), ({1: 2}, 'names'),
                     ({'a': print}, 'plain values'), ({'a': {1, 2}}, 'plain values'))),
    refused('training.checkpoints.save_level_checkpoint',
            lambda f, t: (a := {}, a.update(a=a), f(t/'a.pt', a)), 'without end'),
    right('training.checkpoints.save_level_checkpoint', lambda f,
          t: (f(t/'a.pt', {'k': np.float32(.5)}), torch.load(t/'a.pt', weights_only=True)['k'])[1],
          .5),
    *(refused('training.checkpoints.upgrade_checkpoint', lambda f, v=v: f(v), 'dictionaries')
      for v in (None, {}, [1], dict(model_config=1, dataset_config={}, curriculum_info={}))),
    *(refused('training.checkpoints.upgrade_checkpoint', lambda f,
              v=v: f(dict(model_config={}, curriculum_info={}, dataset_config=v)), 'focal_angles')
              for v in ({}, {**FOCI, 'focal_angles': 'x'},
                        {**FOCI, 'focal_angles': [[1], [2, 3]]})),
    right('training.checkpoints.upgrade_checkpoint',
          lambda f: f(dict(model_config={}, curriculum_info={},
                           dataset_config=FOCI))['dataset_config']['focal_angles'],
                           torch.arange(3., dtype=torch.float64)),
    *(refused('training.checkpoints.find_checkpoints', lambda f, v=v: f(v), 'folder')
      for v in (None, 7, '', 'nowhere', b'x')),
    refused('training.checkpoints.find_checkpoints', lambda f, t: f(t), 'no level_*'),
    right('training.checkpoints.find_checkpoints', lambda f,
          t: f(str(level(t/'level_3_checkpoint.pt').parent))[0].name, 'level_3_checkpoint.pt'),
    *(refused('training.checkpoints.load_checkpoint', lambda f, t, v=v: f(version(t/'v.pt', v)), 'v.pt',
              'version', '1.0.0', '2.0') for v in ('99', '2.00', None, 2., 2, ['2.0'])),
    refused('training.checkpoints.load_checkpoint', lambda f, t: f(pickled(t/'a.pt', [1])), 'a.pt',
            'no checkpoint'),
    refused('training.checkpoints.load_checkpoint', lambda f,
            t: f(pickled(t/'a.pt', {'model_config': Program()})), 'posix.system'),
    *(refused('training.checkpoints.load_checkpoint', lambda f, t,
              v=v: f(level(t/'a.pt', dataset_config={**FOCI, 'n_foci': v})), 'n_foci')
              for v in (0, -1, 10**9, nan, '3', [3])),
    refused('training.checkpoints.load_checkpoint', lambda f, t: f(level(t/'a.pt'), 'cuda:99'), "'cuda:99'",
            'auto'),
    right('training.checkpoints.load_checkpoint', lambda f,
          t: f(str(level(t/'a.pt')))['dataset_config']['n_foci'], 3),
    *(refused('training.checkpoints.load_checkpoint_for_inference', lambda f, t, n=n,
              v=v: f(level(t/'a.pt', model_config={'d_model': 8, 'n_heads': 2, n: v})), 'a.pt', n)
      for n,v in (('d_model', 10**9), ('d_model', nan), ('n_heads', 0), ('n_heads', '2'),
                  ('depth', 10**6), ('feed_forward', 10**12), ('learn_mix', 'no'),
                  ('learn_mix', True))),
    refused('training.checkpoints.load_checkpoint_for_inference', lambda f,
            t: f(level(t/'a.pt', classifier_state_dict={'weight': torch.full((3, 8), nan),
                                                        'bias': torch.ones(3)})),
                                                        'classifier.weight', 'NaN'),
    refused('training.checkpoints.load_checkpoint_for_inference', lambda f,
            t: f(level(t/'a.pt', classifier_state_dict={'weight': torch.ones(3, 9),
                                                        'bias': torch.ones(3)})), '9 features'),
    refused('training.checkpoints.load_checkpoint_for_inference', lambda f,
            t: f(level(t/'a.pt', classifier_state_dict={'bias': torch.ones(3)})), 'weight matrix'),
    refused('training.checkpoints.load_checkpoint_for_inference', lambda f, t: f(level(t/'a.pt'), 'gpu7'),
            'gpu7'),
    right('training.checkpoints.load_checkpoint_for_inference', lambda f,
          t: f(level(t/'a.pt'))[1].weight.shape, (3, 8)),
    right('training.checkpoints.load_checkpoint_for_inference',
          lambda f, t: f(level(t/'a.pt', classifier_state_dict=MIXED))[1].weight.detach(),
          torch.ones(3, 8)),
]
