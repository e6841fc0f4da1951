"Runner, results folder, what commands say, command line"
import contextlib
import io
import json
from pathlib import Path

import nbformat as nbf
import numpy as np

from bad_input import refused, right
from geofractal_nb.results import Run
from geofractal_nb.sweep import load_sweep
from geofractal_nb.training.basin import BasinConfig
from geofractal_nb.training.levels import CurriculumConfig


def wrote(path, text): path.parent.mkdir(parents=True, exist_ok=True); path.write_text(text); return path


def begun(folder, name='a', system='basin', **more):
    "A run that has only its settings"
    config = dict(scales=[8], seed=0, epochs=2, data=dict(name='digits')) if system=='basin' else dict(max_n_foci=3)
    wrote(folder/system/name/'train_config.json', json.dumps(config|more))
    return folder/system/name


def run(folder='a', result=None, system='basin', config=None): return Run(Path(folder), system, config or {'seed': 0}, result or {})
def said(call):
    out = io.StringIO()
    with contextlib.redirect_stdout(out),contextlib.redirect_stderr(out): call()
    return out.getvalue()


def notebook(path, code): nbf.write(nbf.v4.new_notebook(cells=[nbf.v4.new_code_cell(code)]), path); return path


def swept(folder, **values):
    "A sweep with two points, one of them finished"
    points = {n: {'k': k} for n,k in (('a', 1), ('b', 2))}
    wrote(folder/'sweep.json', json.dumps(dict(notebook='x/n.ipynb', code='c', defaults={'k': 3}, points=points)))
    wrote(folder/'points/a/point.json', json.dumps(dict(parameters={'k': 1}, code='c', result=dict(loss=.5)|values, notebook='n.ipynb', seconds=1.)))
    return folder


JOB = dict(notebook='none.ipynb', values={}, code='c', cwd='.', boss=None)
CONFIGURED = 'from geofractal_nb.training.basin import BasinConfig\nc = configured(BasinConfig, globals())'
DECLARED = {'seed': (int, 0, ''), 'lr': (float, .1, ''), 'fast': (bool, False, '')}
ROWS = [
    refused('runner.experiment_path', lambda f: f('train_bassin'), "'train_bassin'", 'use one of'),
    refused('runner.experiment_path', lambda f: f('none.ipynb'), 'no notebook'),
    refused('runner.experiment_path', lambda f: f('y'*5000), 'unknown experiment'),
    right('runner.experiment_path', lambda f: f('train_basin').name, 'train_basin.ipynb'),
    refused('runner.parameters_of', lambda f, tmp: f(tmp/'none.ipynb'), 'none.ipynb'),
    refused('runner.parameters_of', lambda f, tmp: f([(tmp/'a.ipynb').write_text('{}'), tmp/'a.ipynb'][1]), 'a.ipynb', 'not a notebook'),
    refused('runner.parameters_of', lambda f, tmp: f([(tmp/'a.ipynb').write_text('x'), tmp/'a.ipynb'][1]), 'a.ipynb', 'JSON'),
    refused('settings.check_parameters', lambda f: f(DECLARED, {'sede': 1}), "['sede']"),
    *(refused('settings.check_parameters', lambda f, v=v: f(DECLARED, {'seed': v}), 'seed must be int') for v in (1.5, 'x', None, '1.5', True, '('*500)),
    *(refused('settings.check_parameters', lambda f, v=v: f(DECLARED, {'fast': v}), 'fast must be bool') for v in (1, 'no', 'yes', None)),
    right('settings.check_parameters', lambda f: f(DECLARED, {'lr': '1', 'fast': 'false'}), {'lr': 1., 'fast': False}),
    refused('runner.read_result', lambda f, tmp: f(tmp/'none.ipynb'), 'no file'),
    refused('runner.read_result', lambda f, tmp: f([(tmp/'a.ipynb').write_text('{"cells": []}'), tmp/'a.ipynb'][1]), 'shows no result'),
    refused('runner.read_result', lambda f, tmp: f([(tmp/'a.ipynb').write_text('[]'), tmp/'a.ipynb'][1]), 'not a notebook'),
    refused('runner.show_result', lambda f: f({'x': object()}), 'plain values'),
    refused('runner.show_result', lambda f: f({'x': float('nan')}), 'plain values'),
    refused('runner.run_experiment', lambda f, tmp: f('nonsense', tmp), 'unknown experiment'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, sede=1), 'unknown parameters'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, dataset='mnist'), 'unknown dataset'),
    refused('runner.run_experiment', lambda f, tmp: f('train_basin', tmp, run_id='../up'), 'run_id'),
    refused('runner.checked_experiment', lambda f: f('train_basin', {'sede': 1}), 'unknown parameters'),
    right('runner.checked_experiment', lambda f: f('train_basin', {'lr': '1'})[2], {'lr': 1.}),

    *(refused('sweep.parse_grid', lambda f, v=v: f([v]), 'NAME=VALUE,VALUE') for v in ('', 'lr', '=1', 'lr=', 'lr=1,,2')),
    refused('sweep.parse_grid', lambda f: f(['a=1', 'a=2']), 'given twice'),
    right('sweep.parse_grid', lambda f: f(['a=1,2;3']), {'a': ['1,2', '3']}),
    *(refused('sweep.parse_seeds', lambda f, v=v: f(v), '0-4 or 0,2,7') for v in ('x', '-1', '3-1', '1,', '1.5', 7, None, '0-99999')),
    refused('sweep.parse_seeds', lambda f: f('1,0-2'), 'given twice'),
    right('sweep.parse_seeds', lambda f: f(' 3 , 0 - 1'), [3, 0, 1]),
    *(refused('sweep.sweep_points', lambda f, v=v: f(v), 'dict of lists') for v in (None, [], {'a': 3}, {'a': []}, {'a': 'xy'})),
    refused('sweep.sweep_points', lambda f: f({}), 'needs values'),
    refused('sweep.sweep_points', lambda f: f({'a': [1]}, random=0), 'random must be an integer'),
    refused('sweep.sweep_points', lambda f: f({'a': [0]*101, 'b': [0]*100}), 'points are too many'),
    refused('sweep.sweep_points', lambda f: f({n: [0]*1000 for n in 'abc'}), 'too large'),
    right('sweep.sweep_points', lambda f: f({}, seeds=range(2)), [{'seed': 0}, {'seed': 1}]),
    refused('sweep.point_name', lambda f: f(None), 'must be a dict'),
    right('sweep.point_name', lambda f: f({'a': '../x\n', 'b': (1, 2)}), lambda n: n.startswith('a=..-x-_b=1,2-')),
    right('sweep.point_name', lambda f: len(f({'a': 'x'*999})), 69),
    refused('sweep.execute_point', lambda f: f({}), 'as a sweep makes it'),
    right('sweep.execute_point', lambda f, tmp: [f(JOB|dict(folder=str(tmp/'p'))), json.loads((tmp/'p/point.json').read_text())['error']][1], lambda e: 'no notebook' in e),
    refused('sweep.run_sweep', lambda f, tmp: f('nonsense', [{'k': 1}], tmp), 'unknown experiment'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [], tmp), 'list of dicts'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'lr': .1}, {'lr': 'x'}], tmp), 'lr must be float'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'out_dir': 'x'}], tmp), 'set by the sweep itself'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'lr': .1}], tmp, jobs=0), 'jobs must be an integer'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'lr': .1}], tmp, engine='slurm'), 'engine must be one of'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'lr': .1}], tmp, address='x'), 'needs the engine'),
    refused('sweep.run_sweep', lambda f, tmp: f('train_basin', [{'lr': .1}], swept(tmp)), 'holds a sweep of x/n.ipynb'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {'lr': ['x']}, tmp/'a', 3), 'lr must be float'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {}, tmp/'a', 3), 'needs values'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {}, tmp/'a', 3, seeds=[0]), 'nothing to choose'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {'lr': [.1]}, tmp/'a', 0), 'trials must be an integer'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {'lr': [.1]}, tmp/'a', 3, engine='slurm'), 'engine must be one of'),
    refused('sweep.choose_sweep', lambda f, tmp: f('train_basin', {'lr': [.1]}, tmp/'a', 3, fixed={'out_dir': 'x'}), 'set by the sweep itself'),
    refused('sweep.load_sweep', lambda f, tmp: f(tmp), 'no sweep.json'),
    refused('sweep.load_sweep', lambda f: f(3), 'must be a path'),
    refused('sweep.load_sweep', lambda f, tmp: f(wrote(tmp/'sweep.json', '[]').parent), 'does not describe a sweep'),
    right('sweep.load_sweep', lambda f, tmp: f(swept(tmp))[['k', 'status']].values.tolist(), [[1, 'finished'], [2, 'waiting']]),
    right('sweep.load_sweep', lambda f, tmp: list(f(swept(tmp, k=1, table=[[1]], acc=[1, 2]))), ['k', 'status', 'loss', 'mean_acc', 'wall_seconds', 'error', 'notebook', 'point']),
    refused('sweep.main_result', lambda f: f(3), 'load_sweep'),
    refused('sweep.main_result', lambda f, tmp: f(load_sweep(swept(tmp)), 'acc'), "no result 'acc'"),
    right('sweep.main_result', lambda f, tmp: f(load_sweep(swept(tmp, val_x=1))), 'val_x'),
    right('sweep.main_result', lambda f, tmp: f(load_sweep(swept(tmp, loss='x'))), ''),
    refused('sweep.plot_sweep', lambda f, tmp: f(load_sweep(swept(tmp, loss='x'))), 'nothing to draw'),
    refused('sweep.plot_sweep', lambda f, tmp: f(load_sweep(swept(tmp)), axes=[1, 2]), '1 parameters vary, 2 axes'),
    right('sweep.describe_sweep', lambda f, tmp: f(load_sweep(swept(tmp))), '2 points of n: 1 finished, 1 waiting. loss is 0.5 everywhere.'),
    right('sweep.sweep_table', lambda f, tmp: f(load_sweep(swept(tmp))), (['k', 'status', 'loss'], [['1', 'finished', .5], ['2', 'waiting', None]])),
    refused('sweep.write_sweep', lambda f, tmp: f(tmp), 'no sweep.json'),
    right('sweep.write_sweep', lambda f, tmp: [p.name for p in f(swept(tmp, loss=None)).values()], ['sweep.csv', 'sweep.parquet', 'sweep.html']),

    right('runner.ExperimentFailed', lambda f: str(f('why')), 'why'),
    refused('runner.in_words', lambda f: f(3), 'result must be a dict'),
    right('runner.in_words', lambda f: f({}), 'Done.'),
    right('runner.in_words', lambda f: f({'test_top1': 'x', 'folder': 'a'}), "test_top1 'x'\nweights and report: a"),
    right('settings.shown_names', lambda f: f(['lr', 'seed']), 'lr, seed'),
    right('settings.shown_names', lambda f: f([f'name{i}' for i in range(999)]), lambda t: len(t)<=305 and t.endswith(', ...')),
    *(right('settings.check_parameters', lambda f, v=v: f({'scales': (tuple, (8,), '')}, {'scales': v}), {'scales': w})
      for v,w in (('8', (8,)), ('8, 16', (8, 16)), ([8], (8,)), ('cosine,cantor', ('cosine', 'cantor')), ('(8, 16)', (8, 16)))),
    refused('settings.fields_of', lambda f: f(len), 'dataclass'),
    right('settings.fields_of', lambda f: f(BasinConfig)['lr'][:2], (float, .001)),
    refused('settings.configured', lambda f: f(BasinConfig, [1]), 'names must be variables'),
    *(refused('settings.configured', lambda f, v=v: f(BasinConfig, {'lr': v}), 'lr must be') for v in (0, -1., float('nan'), 'x', None)),
    right('settings.configured', lambda f: f(BasinConfig, {'lr': np.float64(.5), 'other': 'x'}).lr, .5),
    *(refused('settings.curriculum_config', lambda f, v=v: f(v), "preset must be 'quick', 'full'") for v in ('', 'quick 3', 'full x', 'full -1', None, 3, 'full '+'9'*9)),
    refused('settings.curriculum_config', lambda f: f('full 0'), 'max_n_foci'),
    refused('settings.curriculum_config', lambda f: f(stability_window=99), 'stability_window must be at most'),
    right('settings.curriculum_config', lambda f: f('full 7', n_samples=0) == CurriculumConfig(max_n_foci=7), True),
    refused('settings.configuration_of', lambda f, tmp: f(tmp/'none.ipynb'), 'no file'),
    right('settings.configuration_of', lambda f, tmp: f(notebook(tmp/'a.ipynb', 'x = (')), None),
    right('settings.configuration_of', lambda f, tmp: f(notebook(tmp/'a.ipynb', 'configured(os.system, globals())')), None),
    right('settings.configuration_of', lambda f, tmp: f(notebook(tmp/'a.ipynb', CONFIGURED)), lambda c: c is BasinConfig),
    refused('runner.early_checks', lambda f: f({'dataset': 'mnist'}), 'unknown dataset'),
    refused('runner.early_checks', lambda f, tmp: f({'dataset': str(wrote(tmp/'a.csv', 'x0,kind\n1,a\n'))}), '--labels'),
    refused('runner.early_checks', lambda f: f({'lr': -1.}, BasinConfig), 'lr must be'),
    right('runner.early_checks', lambda f, tmp: f({'dataset': str(wrote(tmp/'a.csv', 'x0,x1,kind\n1,2,a\n')), 'label_column': 'kind'}), None),

    right('results.RunPlace', lambda f: f('out', 'm', 'r').events, Path('out/basin/r/tensorboard')),
    refused('results.RunPlace', lambda f: f('out', 'm', '../r'), 'run_id must be'),
    refused('results.as_classifier', lambda f: f(3), 'BasinResult'),
    refused('results.classifier_at', lambda f, tmp: f(tmp/'none.safetensors'), 'no file'),
    refused('results.classifier_at', lambda f, tmp: f(tmp), 'no classifier.safetensors'),
    right('results.Run', lambda f: (f(Path('a/b'), 'basin', {}, {}).name, f(Path('a'), 'basin', {}, {}).finished), ('b', False)),
    refused('results.read_run', lambda f, tmp: f(tmp/'none'), 'no folder'),
    refused('results.read_run', lambda f, tmp: f(tmp), "not a run's folder"),
    refused('results.read_run', lambda f: f(3), 'must be a path'),
    refused('results.read_run', lambda f, tmp: f(wrote(tmp/'train_config.json', '{"a":').parent), "not a run's folder"),
    right('results.read_run', lambda f, tmp: (lambda r: (r.system, r.finished, r.history))(f(begun(tmp))), ('basin', False, [])),
    right('results.read_run', lambda f, tmp: f(wrote(begun(tmp)/'result.json', '{"result": [3], "finished": "x"}').parent).finished, False),
    refused('results.find_runs', lambda f: f(3), 'out must be a folder'),
    right('results.find_runs', lambda f, tmp: f(tmp/'none'), []),
    right('results.find_runs', lambda f, tmp: [begun(tmp), begun(tmp, 'c', 'curriculum'), wrote(tmp/'basin/x', ''), [r.system for r in f(tmp)]][3], lambda v: sorted(v)==['basin', 'curriculum']),
    refused('results.outcome', lambda f: f({}), 'run must be a Run'),
    right('results.outcome', lambda f: f(run(result={'test_top1': 'x'})), 'finished'),
    right('results.outcome', lambda f: f(run(result={'test_top1': .5, 'nearest_mean': .25})), '50.0% right, nearest class mean 25.0%'),
    right('results.write_index', lambda f, tmp: f(tmp/'none'), None),
    refused('results.write_index', lambda f: f(None), 'out must be a folder'),
    right('results.write_index', lambda f, tmp: [begun(tmp, "a"), wrote(tmp/'notebooks/<b>.ipynb', ''), f(tmp).read_text()][2], lambda t: '<b>' not in t and '&lt;b&gt;' in t),
    refused('results.group_runs', lambda f: f([]), 'at least'),
    refused('results.group_runs', lambda f: f([run()], ['a', 'b']), '2 names for 1 runs'),
    right('results.group_runs', lambda f: {n: len(g) for n,g in f([run('s0'), run('s1', config={'seed': 1})]).items()}, {'s*': 2}),
    refused('results.compare_basin', lambda f: f({'a': [run(system='curriculum')]}), 'compare runs of one system'),
    right('results.compare_basin', lambda f: f({'a': [run(result={'test_top1': .5})]}), [['a', 1, '50.00', None, None, None]]),
    refused('results.plot_runs', lambda f, tmp: f({'a': [run(tmp)]}), 'no training_history.json'),
    refused('results.plot_runs', lambda f, tmp: f({'a': [run(wrote(tmp/'training_history.json', '[{"val_top1": 7}]').parent)]}), 'val_top1'),
    refused('results.compare_runs', lambda f: f([]), 'list of runs'),
    refused('results.compare_runs', lambda f, tmp: f([tmp/'none'], out=tmp/'c'), 'no folder'),
    refused('results.compare_runs', lambda f, tmp: f([begun(tmp), begun(tmp, system='curriculum')], out=tmp/'c'), 'one system at a time'),
    refused('results.best_weights', lambda f, tmp: f(tmp), 'no best_model_acc'),
    refused('results.best_weights', lambda f: f(None), 'must be a path'),
    right('results.best_weights', lambda f: f('a.safetensors'), Path('a.safetensors')),
    refused('results.probe', lambda f, tmp: f(tmp/'none.safetensors', tmp), 'no file'),

    right('console.console', lambda f: said(lambda: f().print('[red]x[/red]')), '[red]x[/red]\n'),
    right('console.one_line', lambda f: f('\x1b[31ma\x1b[0m\n b'), 'a b'),
    right('console.one_line', lambda f: len(f('x'*10**6)), 400),
    right('console.complain', lambda f: said(lambda: f('a\nb', 2)), 'geofractal: a b\n'),
    *(right('console.cell', lambda f, v=v: f(v), w) for v,w in ((None, '-'), (True, 'yes'), (.5, '0.5000'), (3, '3'), ('a', 'a'), (float('nan'), 'nan'))),
    right('console.print_table', lambda f: said(lambda: f(['a', 'b'], [])), lambda t: 'a' in t),
    right('console.print_table', lambda f: said(lambda: f(['a'], [['[bold]']])), lambda t: '[bold]' in t),
    right('console.near', lambda f: f('/'), '/'),
    right('console.finish', lambda f: said(lambda: f('done')), 'done\n'),
    right('console.busy', lambda f: hasattr(f('x'), '__enter__'), True),
    right('console.quote', lambda f: f('/a b'), "'/a b'"),
    right('console.print_json', lambda f: json.loads(said(lambda: f({'a': Path('b')}))), {'a': 'b'}),
    refused('console.print_json', lambda f: f(float('nan')), 'JSON'),

    refused('cli.given_parameters', lambda f: f(['lr']), 'NAME=VALUE'),
    refused('cli.given_parameters', lambda f: f(['lr=1', 'lr=2']), 'given twice'),
    refused('cli.given_parameters', lambda f: f(['seed=1'], seed=0), 'given twice'),
    refused('cli.given_parameters', lambda f: f(['out_dir=x']), 'use -o'),
    right('cli.given_parameters', lambda f: f(['note=a=b'], seed=None), {'note': 'a=b'}),
    right('cli.spread_names', lambda f: f(['compare', 'a', '--names', 'b', 'c']), ['compare', 'a', '--names', 'b', '--names', 'c']),
    right('cli.Stopped', lambda f: f(130).args, (130,)),
    right('cli.Sampler', lambda f: f('tpe').value, 'tpe'),
    right('cli.Format', lambda f: f('torch').value, 'torch'),
    right('cli.Preset', lambda f: f('quick').value, 'quick'),
    right('cli.app', lambda f: len(f.registered_commands), 17),
    right('cli.main', lambda f: f(['run', 'nonsense']), 2),
    right('cli.main', lambda f, tmp: f(['predict', str(tmp/'no.safetensors'), str(tmp/'no.npz')]), 2),
    right('cli.main', lambda f: f(['show', 'train_basin']), 0),
]
