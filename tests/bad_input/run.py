"Runner and command line"
from bad_input import refused, right

DECLARED = {'seed': (int, 0, ''), 'lr': (float, .1, ''), 'fast': (bool, False, '')}
ROWS = [
    refused('runner.experiment_path', lambda f: f('train_bassin'), "'train_bassin'", 'use one of'),
    refused('runner.experiment_path', lambda f: f('none.ipynb'), 'no notebook'),
    refused('runner.experiment_path', lambda f: f('y'*5000), 'unknown experiment'),
    right('runner.experiment_path', lambda f: f('train_basin').name, 'train_basin.ipynb'),
    refused('runner.parameters_of', lambda f, tmp: f(tmp/'none.ipynb'), 'none.ipynb'),
    refused('runner.parameters_of', lambda f, tmp: f([(tmp/'a.ipynb').write_text('{}'), tmp/'a.ipynb'][1]), 'a.ipynb', 'not a notebook'),
    refused('runner.parameters_of', lambda f, tmp: f([(tmp/'a.ipynb').write_text('x'), tmp/'a.ipynb'][1]), 'a.ipynb', 'JSON'),
    refused('runner.check_parameters', lambda f: f(DECLARED, {'sede': 1}), "['sede']"),
    *(refused('runner.check_parameters', lambda f, v=v: f(DECLARED, {'seed': v}), 'seed must be int') for v in (1.5, 'x', None, '1.5', True, '('*500)),
    *(refused('runner.check_parameters', lambda f, v=v: f(DECLARED, {'fast': v}), 'fast must be bool') for v in (1, 'no', 'yes', None)),
    right('runner.check_parameters', lambda f: f(DECLARED, {'lr': '1', 'fast': 'false'}), {'lr': 1., 'fast': False}),
    refused('runner.read_result', lambda f, tmp: f(tmp/'none.ipynb'), 'no file'),
    refused('runner.read_result', lambda f, tmp: f([(tmp/'a.ipynb').write_text('{"cells": []}'), tmp/'a.ipynb'][1]), 'shows no result'),
    refused('runner.read_result', lambda f, tmp: f([(tmp/'a.ipynb').write_text('[]'), tmp/'a.ipynb'][1]), 'not a notebook'),
    refused('runner.show_result', lambda f: f({'x': object()}), 'plain values'),
    refused('runner.show_result', lambda f: f({'x': float('nan')}), 'plain values'),
    refused('runner.run_experiment', lambda f, tmp: f('nonsense', tmp), 'unknown experiment'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, sede=1), 'unknown parameters'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, dataset='mnist'), 'unknown dataset'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, run_id='../up'), 'run_id'),
    right('runner.ExperimentFailed', lambda f: str(f('why')), 'why'),
    refused('runner.in_words', lambda f: f(3), 'result must be a dict'),
    right('runner.in_words', lambda f: f({}), 'Done.'),
    right('runner.in_words', lambda f: f({'test_top1': 'x', 'folder': 'a'}), "test_top1 'x'\nweights and report: a"),
    right('cli.main', lambda f: f(['run', 'nonsense']), 2),
    right('cli.main', lambda f, tmp: f(['predict', str(tmp/'no.safetensors'), str(tmp/'no.npz')]), 2),
    right('cli.main', lambda f: f(['show', 'train_basin']), 0),
]
