"Core: numbers, words, arrays, generators, devices"
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator, resolve_device

CPU = torch.device('cpu')
ROWS = [
    refused('core.stream_seed', lambda f: f(-1), 'seed', '>= 0', '-1'),
    refused('core.stream_seed', lambda f: f(1.5), 'integer', '1.5'),
    refused('core.stream_seed', lambda f: f('0'), 'integer', "'0'"),
    refused('core.stream_seed', lambda f: f(True), 'integer', 'True'),
    right('core.stream_seed', lambda f: f(np.int64(3), 'a'), lambda s: s==__import__('geofractal_nb.core').core.stream_seed(3, 'a')),
    refused('core.generator', lambda f: f(None), 'integer', 'None'),
    right('core.generator', lambda f: f(np.int32(0), 'x').initial_seed(), generator(0, 'x').initial_seed()),
    right('core.available_devices', lambda f: f()[-1], 'cpu'),
    refused('core.resolve_device', lambda f: f('gpu7'), "'gpu7'", 'auto'),
    refused('core.resolve_device', lambda f: f(''), 'unavailable device'),
    refused('core.resolve_device', lambda f: f(7.5), '7.5'),
    right('core.resolve_device', lambda f: f(CPU), CPU),
    right('core.has_fast_bf16', lambda f: f(torch.device('meta')), False),
    refused('core.resolve_precision', lambda f: f('fp8', CPU), 'precision', "'fp8'"),
    refused('core.resolve_precision', lambda f: f(None, CPU), 'precision', 'None'),
    right('core.resolve_precision', lambda f: f('auto', resolve_device('cpu'), 1), 'fp32'),
    refused('core.check', lambda f: f(False, 'expected two, got three'), 'expected two'),
    right('core.shown', lambda f: f('x'*10**6), lambda s: len(s)<=80),
    right('core.shown', lambda f: f('two\nlines'), lambda s: '\n' not in s),
    *(refused('core.check_number', lambda f, v=v: f('k', v, 1, 9, whole=True), 'k must be an integer', '>= 1', '<= 9')
      for v in (0, 10, 2.5, True, np.True_, float('nan'), float('inf'), 10**400, '4', None, [4], 4+0j, np.float64(4))),
    *(refused('core.check_number', lambda f, v=v: f('lr', v, 0, above=True), 'lr must be a finite number > 0')
      for v in (0, -1., float('nan'), float('inf'), 10**400, '1', None, np.zeros(2), torch.nan)),
    *(right('core.check_number', lambda f, v=v: f('k', v, 1, 9), 4) for v in (4, 4., np.int8(4), np.float16(4), np.array(4), torch.tensor(4))),
    *(refused('core.check_flag', lambda f, v=v: f('learn', v), 'learn must be True or False') for v in ('no', 0, 1, None, [], np.ones(2))),
    *(right('core.check_flag', lambda f, v=v: f('learn', v), True) for v in (True, np.True_, torch.tensor(True))),
    *(refused('core.check_choice', lambda f, v=v: f('kind', v, ('a', 'b')), "one of ('a', 'b')") for v in ('c', '', None, 0, ['a'])),
    right('core.check_choice', lambda f: f('kind', 'b', ('a', 'b')), 'b'),
    refused('core.as_tensor', lambda f: f('x', [[1, 2], [3]]), 'array of numbers'),
    refused('core.as_tensor', lambda f: f('x', ['a', 'b']), 'numbers', 'text'),
    refused('core.as_tensor', lambda f: f('x', None), 'numbers'),
    refused('core.as_tensor', lambda f: f('x', torch.ones(2, dtype=torch.cfloat)), 'real', 'complex64'),
    refused('core.as_tensor', lambda f: f('x', np.ones(3), ('B', 3)), 'shape (B, 3)', 'got (3,)'),
    refused('core.as_tensor', lambda f: f('x', np.ones((2, 4)), ('...', 3)), 'shape (..., 3)', 'got (2, 4)'),
    refused('core.as_tensor', lambda f: f('x', [1., np.nan]), 'finite'),
    refused('core.as_tensor', lambda f: f('x', [1e300], dtype=torch.float32), '1e+300', 'float32'),
    right('core.as_tensor', lambda f: f('x', np.ones((2, 3), np.float16)[::-1]), torch.ones(2, 3)),
    right('core.need', lambda f: f('json', 'none').__name__, 'json'),
    right('core.seeded_linear', lambda f: f(3, 2, generator(0)).weight.shape, (2, 3)),
    right('core.progress_bar', lambda f: f(total=1, disable=True).total, 1),
]
