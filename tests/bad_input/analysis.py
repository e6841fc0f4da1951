"Analysis of checkpoints: pages, records, pictures of levels and curricula, comparison"
import shutil
import tempfile
from pathlib import Path

import matplotlib.figure
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.plots.page import png
from geofractal_nb.plots.records import read_curriculum, read_level
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig

matplotlib.use('agg')
MADE = []


def made():
    "A folder with a curriculum of two members in `two` and one of another seed in `one`"
    if not MADE:
        MADE.append(tempfile.TemporaryDirectory())
        tiny = dict(max_n_foci=2, epochs_per_level=3, stability_window=3, n_samples=32, n_validation=16, seq_len=4, d_model=8)
        fit_curriculum(CurriculumConfig(members=2, **tiny), Path(MADE[0].name)/'two')
        fit_curriculum(CurriculumConfig(seed=5, **tiny), Path(MADE[0].name)/'one')
    return Path(MADE[0].name)


def level(n=2): return made()/f'one/level_{n}_checkpoint.pt'
def record(n=2): return read_level(level(n))
def records(name='two'): return read_curriculum(made()/name)
def is_figure(fig): return hasattr(fig, 'savefig')
def is_axes(ax): return hasattr(ax, 'get_xlim')
def figure(): return matplotlib.figure.Figure()


def file(t, content=b''):
    (t/'file').write_bytes(content)
    return t/'file'


def changed(t, change, n=2):
    "A copy of the single run with a checkpoint changed as `change` says"
    folder = Path(shutil.copytree(made()/'one', t/'changed'))
    path = folder/f'level_{n}_checkpoint.pt'
    c = torch.load(path, weights_only=True)
    change(c)
    torch.save(c, path)
    return folder


def cut(t):
    "A copy with the second level's file cut short"
    path = changed(t, lambda c: None)/'level_2_checkpoint.pt'
    path.write_bytes(path.read_bytes()[:3000])
    return path.parent


def both(t):
    "Levels and members in one folder"
    folder = Path(shutil.copytree(made()/'two', t/'both'))
    shutil.copy(level(), folder)
    return folder


READERS = ('plots.records.read_curriculum', 'plots.checkpoints.CurriculumVisualizer',
           'plots.checkpoints.visualize_curriculum_from_checkpoints')
SINGLE = ('plots.records.read_level', 'plots.checkpoints.CheckpointVisualizer', 'plots.checkpoints.visualize_checkpoint')
OF_RECORD = [f'plots.checkpoints.{n}' for n in ('plot_weights', 'level_points', 'plot_points', 'foci_text')]
OF_RECORDS = [f'plots.checkpoints.{n}' for n in ('curriculum_sentence', 'level_means', 'level_rows')]
OF_RUNS = [f'plots.compare.{n}' for n in ('plot_runs', 'run_rows', 'differences', 'comparison')]
ROWS = [
    *(refused('plots.page.output_folder', lambda f, v=v: f('output_dir', v), 'output_dir must name a folder') for v in (None, '', ' ', 3, b'x', 'a\0b')),
    refused('plots.page.output_folder', lambda f, t: f('output_dir', file(t)), 'is a file'),
    refused('plots.page.output_folder', lambda f, t: f('output_dir', file(t)/'inside'), 'cannot be made'),
    right('plots.page.output_folder', lambda f, t: f('output_dir', f'{t}/a/b').is_dir(), True),
    *(refused('plots.page.png', lambda f, v=v: f(v), 'matplotlib Figure') for v in (None, 'fig', np.ones(3))),
    *(refused('plots.page.png', lambda f, v=v: f(figure(), v), 'dpi') for v in (0, float('nan'), '100', 10**9)),
    right('plots.page.png', lambda f: f(figure(), np.int64(50))[:4], b'\x89PNG'),
    refused('plots.page.save_figure', lambda f, t: f(None, t/'a.png'), 'matplotlib Figure'),
    *(refused('plots.page.save_figure', lambda f, t, v=v: f(figure(), t/v), 'must end in .png') for v in ('a', 'a.gif', 'a.png.tmp')),
    *(refused('plots.page.save_figure', lambda f, v=v: f(figure(), v), 'save_path must name a file') for v in (3, 'a\0.png', ['a.png'])),
    refused('plots.page.save_figure', lambda f, t: f(figure(), file(t)/'a.png'), 'is a file'),
    right('plots.page.save_figure', lambda f, t: [f(figure(), t/'new/a.svg'), (t/'new/a.svg').read_text()[:5]][1], '<?xml'),
    right('plots.page.save_figure', lambda f: f(figure(), None), is_figure),
    *(refused('plots.page.figure_path', lambda f, v=v: f(v), w) for v,w in ((3, 'name a file'), ('a.txt', 'must end in .png'), (b'a.png', 'name a file'), ('', 'must end in'))),
    refused('plots.page.figure_path', lambda f, t: [(t/'a.png').mkdir(), f(t/'a.png')], 'is a folder'),
    right('plots.page.figure_path', lambda f, t: f(str(t/'b/a.pdf')).parent.is_dir(), True),
    refused('plots.page.html_table', lambda f: f(['a', 'b'], [[1]]), 'needs 2 values', 'one has 1'),
    *(refused('plots.page.html_table', lambda f, v=v: f(*v), 'list of lists') for v in ((None, []), (['a'], None), (['a'], ['x']), ('ab', [[1, 2]]))),
    refused('plots.page.html_table', lambda f: f(['a'], [[1.]], -1), 'digits'),
    right('plots.page.html_table', lambda f: '<td>&lt;b&gt;</td>' in f(['a'], [['<b>']]), True),
    *(refused('plots.page.html_figure', lambda f, v=v: f(v, 'a line'), 'PNG') for v in (None, b'', b'GIF89a', 'text', b'\x89PNG')),
    *(refused('plots.page.html_figure', lambda f, v=v: f(png(figure()), v), 'alt') for v in ('', ' ', None)),
    right('plots.page.html_figure', lambda f: 'alt="a &quot;b&quot;"' in f(png(figure()), 'a "b"'), True),
    *(refused('plots.page.html_text', lambda f, v=v: f('x', v), 'tag') for v in ('', 'p onload=x', None)),
    refused('plots.page.html_text', lambda f: f(None), 'text must be a string'),
    right('plots.page.html_text', lambda f: f('a<b', 'h2'), '<h2>a&lt;b</h2>'),
    *(refused('plots.page.html_page', lambda f, v=v: f(*v), w) for v,w in (((None, '', []), 'title'), (('a', 3, []), 'lead'), (('a', 'b', 'c'), 'parts'), (('a', 'b', [3]), 'parts'), (('a', 'b', None), 'parts'))),
    right('plots.page.html_page', lambda f: '<title>&lt;i&gt;</title>' in f('<i>', 'x', []), True),

    *(refused(n, lambda f, t: f(t/'none'), 'no folder') for n in READERS),
    *(refused(n, lambda f, t: f(t), 'no level_*_checkpoint.pt') for n in READERS),
    *(refused(n, lambda f, t: f(file(t)), 'no folder') for n in READERS),
    *(refused(n, lambda f, v=v: f(v), 'folder must be a path') for n in READERS for v in (None, 3, [])),
    *(refused(n, lambda f, t: f(cut(t)), 'truncated') for n in READERS),
    *(refused(n, lambda f, t: f(both(t)), 'beside one another') for n in READERS),
    *(refused('plots.records.read_curriculum', lambda f, t, c=c: f(changed(t, c)), w) for c,w in (
        (lambda c: c['curriculum_info'].update(level=3), 'holds level 3'),
        (lambda c: c['dataset_config'].update(sample_seed=9), 'different runs (seeds 5 and 9)'),
        (lambda c: c['model_config'].update(n_heads=2), 'different runs (n_heads 4 and 2)'))),
    right('plots.records.read_curriculum', lambda f: f(str(made()/'two')).members, 2),
    right('plots.records.read_curriculum', lambda f: f(made()/'two/member_01').levels[0]['seed'], 1),
    *(refused(n, lambda f, t: f(t/'none.pt'), 'no file') for n in SINGLE),
    *(refused(n, lambda f, t: f(t), 'is a folder') for n in SINGLE),
    *(refused(n, lambda f, t: f(file(t, b'not a checkpoint')), 'cannot be loaded safely') for n in SINGLE),
    *(refused(n, lambda f, t: f(cut(t)/'level_2_checkpoint.pt'), 'truncated') for n in SINGLE),
    *(refused('plots.records.read_level', lambda f, t, c=c: f(changed(t, c)/'level_2_checkpoint.pt'), w) for c,w in (
        (lambda c: c['curriculum_info'].update(level='two'), 'level'),
        (lambda c: c['curriculum_info'].update(stabilized_kappa=float('nan')), 'stabilized_kappa'),
        (lambda c: c['curriculum_info'].update(is_stable='yes'), 'is_stable'),
        (lambda c: c['curriculum_info'].update(accuracy_on_levels=[.5, 7]), 'accuracy'),
        (lambda c: c['curriculum_info'].update(accuracy_on_levels='good'), 'accuracy_on_levels'),
        (lambda c: c['dataset_config'].pop('n_foci'), 'lacks n_foci'),
        (lambda c: c['dataset_config'].update(focal_weights=[1.]), 'focal_weights must be (2,)'),
        (lambda c: c['dataset_config'].update(focal_centers=torch.full((2, 2), torch.nan)), 'focal_centers'),
        (lambda c: c['dataset_config'].update(task=torch.ones(2)), 'plain values'),
        (lambda c: c['metrics'].update(epoch_loss=[1., 2.]), 'one value per epoch'),
        (lambda c: c['metrics'].update(epoch_loss=3.), 'per epoch'),
        (lambda c: c['metrics'].update(epoch_loss=['a', 'b', 'c']), 'per epoch'),
        (lambda c: c['metrics'].update(epoch_beta=[[1.], [1., 2.], [1.]]), 'per epoch'),
        (lambda c: c['metrics'].update(epoch_loss=[float('nan')]*3), 'no finite number'),
        (lambda c: c.update(metrics=dict(summary={})), 'nothing was recorded'))),
    right('plots.records.read_level', lambda f: f(str(level()))['n_foci'], 2),
    right('plots.records.read_level', lambda f, t: f(changed(t, lambda c: c['metrics'].update(epoch_loss=[1., 2., float('inf')]))/'level_2_checkpoint.pt')['final_loss'], lambda v: v is None),
    *(refused('plots.records.LevelRecords', lambda f, v=v: f(v), 'runs must hold a member') for v in (None, [], [[]], [[3]], 'ab', {}, [[dict(n_foci=1)]])),
    refused('plots.records.LevelRecords', lambda f: f([[dict(level=1)], [dict(level=2)]]), 'same levels'),
    right('plots.records.LevelRecords', lambda f: f([[dict(level=1, n_foci=1, epochs=3)]]).table('epochs'), torch.tensor([[3.]])),
    *(refused('plots.curriculum.member_mean', lambda f, v=v: f(v), w) for v,w in (('ab', 'rows'), ([1., 2.], 'shape'), (np.ones((0, 2)), 'rows must hold'), (None, 'rows'))),
    refused('plots.curriculum.member_mean', lambda f: f([[1.], [-1.]], log=True), 'positive'),
    right('plots.curriculum.member_mean', lambda f: f(np.array([[1, 4], [3, 8]], np.float16)[:,::-1])[0], lambda m: m.tolist()==[6, 2]),
    *(refused('plots.curriculum.plot_members', lambda f, v=v: f(*v), w) for v,w in ((('ab',), 'rows'), ((np.ones(3),), 'shape'), ((np.ones((2, 3)), [1, 2]), 'x must have'), ((np.ones((2, 3)), 'abc'), 'x must'), ((np.ones((2, 0)),), 'rows must hold'))),
    refused('plots.curriculum.plot_members', lambda f: f(np.ones((2, 3)), ax='here'), 'ax must be'),
    right('plots.curriculum.plot_members', lambda f: len(f(torch.ones(2, 3, dtype=torch.float64)).lines), 2),
    *(refused('plots.curriculum.log_axis', lambda f, v=v: f(v), 'ax must be') for v in (None, 3)),
    refused('plots.curriculum.log_axis', lambda f: f(figure().add_subplot(), 0), 'least'),
    right('plots.curriculum.log_axis', lambda f: f(figure().add_subplot()).get_yscale(), 'log'),

    *(refused(n, lambda f, v=v: f(v), "level's record") for n in OF_RECORD for v in (None, {}, dict(n_foci=2), 'level_2')),
    right('plots.checkpoints.plot_weights', lambda f: len(f(record()).patches), 2),
    right('plots.checkpoints.plot_points', lambda f: f(record(1)).get_title(), 'circle'),
    refused('plots.checkpoints.plot_points', lambda f: f(record(), ax=3), 'ax must be'),
    *(refused('plots.checkpoints.level_points', lambda f, v=v: f(record(), v), 'points') for v in (0, 1.5, 10**9, None)),
    refused('plots.checkpoints.level_points', lambda f: f(record(), 9, 'yes'), 'divide must be True or False'),
    right('plots.checkpoints.level_points', lambda f: f(record(), np.int64(9))[0].shape, (9, 2)),
    right('plots.checkpoints.foci_text', lambda f: f(record()), '2 foci'),
    *(refused(n, lambda f, v=v: f(v), 'LevelRecords') for n in OF_RECORDS for v in (None, [], {}, 'two')),
    right('plots.checkpoints.curriculum_sentence', lambda f: f(records()), lambda s: s.startswith('2 seeds, 2 levels')),
    right('plots.checkpoints.level_means', lambda f: [m['emergent_kappa'][1:] for m in f(records())], [[None, None]]*2),
    right('plots.checkpoints.level_rows', lambda f: [r[:2] for r in f(records())], [[1, 1], [2, 2]]),
    refused('plots.checkpoints.CheckpointVisualizer', lambda f, t: f(changed(t, lambda c: c.update(viz_config=[1]))/'level_2_checkpoint.pt'), 'viz_config'),
    refused('plots.checkpoints.CheckpointVisualizer', lambda f, t: f(level()).plot_kappa_evolution(t/'a'), 'must end in .png'),
    refused('plots.checkpoints.CheckpointVisualizer', lambda f, t: f(changed(t, lambda c: c.update(metrics=dict(epoch_loss=[1.])))/'level_2_checkpoint.pt').plot_kappa_evolution(), 'no kappa per epoch'),
    refused('plots.checkpoints.CheckpointVisualizer', lambda f, t: f(changed(t, lambda c: c.update(metrics=dict(epoch_kappa=[1.])))/'level_2_checkpoint.pt').plot_training_history(), 'neither losses'),
    right('plots.checkpoints.CheckpointVisualizer', lambda f: f(str(level())).plot_polylipse_geometry(), is_figure),
    refused('plots.checkpoints.visualize_checkpoint', lambda f, t: f(level(), file(t), False), 'is a file'),
    refused('plots.checkpoints.visualize_checkpoint', lambda f, t: f(level(), t, 'no'), 'True or False'),
    right('plots.checkpoints.visualize_checkpoint', lambda f, t: len(f(level(), t/'new', np.False_)), 3),
    refused('plots.checkpoints.CurriculumVisualizer', lambda f, t: f(made()/'two').generate_curriculum_report(file(t)), 'out must be a folder', 'is a file'),
    refused('plots.checkpoints.CurriculumVisualizer', lambda f, t: f(made()/'two').generate_curriculum_report(t, 'cgd'), 'include_cgd'),
    refused('plots.checkpoints.CurriculumVisualizer', lambda f, t: f(made()/'two').plot_cgd_curriculum(None), 'save_dir'),
    refused('plots.checkpoints.CurriculumVisualizer', lambda f, t: f(made()/'two').plot_training_metrics(t), 'must end in .png'),
    right('plots.checkpoints.CurriculumVisualizer', lambda f: f(made()/'two').get_summary()['members'], 2),
    refused('plots.checkpoints.visualize_curriculum_from_checkpoints', lambda f, t: f(made()/'two', output_dir=file(t)), 'is a file'),
    refused('plots.checkpoints.visualize_curriculum_from_checkpoints', lambda f, t: f(made()/'two', 1, t), 'include_cgd'),
    right('plots.checkpoints.visualize_curriculum_from_checkpoints', lambda f, t: f(made()/'one', output_dir=t).name, 'one'),

    *(refused(f'plots.compare.{n}', lambda f, v=v: f(v), 'list of at least one folder') for n in ('read_runs', 'compare_curriculum_runs') for v in (None, [], 'runs', 3)),
    *(refused(f'plots.compare.{n}', lambda f: f([None]), 'must be paths') for n in ('read_runs', 'compare_curriculum_runs')),
    *(refused(f'plots.compare.{n}', lambda f, t: f([made()/'one', t/'none']), 'no folder') for n in ('read_runs', 'compare_curriculum_runs')),
    refused('plots.compare.read_runs', lambda f: f([made()/'one', made()/'two/../one']), 'same folder twice'),
    refused('plots.compare.read_runs', lambda f, t: f([made()/'one', shutil.copytree(made()/'one', t/'one')]), 'several of run_dirs', "'one'"),
    refused('plots.compare.read_runs', lambda f, t: f([made()/'one', shutil.copytree(made()/'one', t/'x')], 'aa'), 'run_names must be 2 names'),
    *(refused('plots.compare.read_runs', lambda f, v=v: f([made()/'one'], v), 'run_names must be 1 names') for v in ([], ['a', 'b'], [3], [''], 'a')),
    refused('plots.compare.read_runs', lambda f, t: f([made()/'one', shutil.copytree(made()/'one', t/'x')], ['a', 'a']), 'share a seed'),
    right('plots.compare.read_runs', lambda f: {n: r.members for n,r in f([made()/'one', str(made()/'two')], ['a', 'a']).items()}, dict(a=3)),
    refused('plots.compare.compare_curriculum_runs', lambda f, t: f([made()/'one'], output_dir=file(t)), 'is a file'),
    right('plots.compare.compare_curriculum_runs', lambda f: f((made()/'one', made()/'two')), is_figure),
    *(refused(n, lambda f, v=v: f(v), 'named LevelRecords') for n in OF_RUNS for v in (None, {}, [], dict(a=3))),
    right('plots.compare.plot_runs', lambda f: f(dict(a=records())), is_figure),
    right('plots.compare.run_rows', lambda f: f(dict(a=records()))[0][:3], ['a', 2, 2]),
    right('plots.compare.differences', lambda f: f(dict(a=records(), b=records('one')))[0], lambda s: 'b and a have 0 common seeds' in s),
    right('plots.compare.comparison', lambda f: f(dict(a=records('one')))['runs']['a']['seeds'], [5]),

    *(refused('plots.export.export_tensorboard', lambda f, t, v=v: f(v(t), t), w) for v,w in ((lambda t: t/'none', 'no folder'), (lambda t: t, 'no level_'), (lambda t: 3, 'must be a path'))),
    refused('plots.export.export_tensorboard', lambda f, t: f(made()/'one', file(t)), 'is a file'),
    refused('plots.export.export_tensorboard', lambda f: f(made()/'one', None), 'out must name a folder'),
    right('plots.export.export_tensorboard', lambda f, t: len(f(str(made()/'two'), t)), 2),
    *(refused('plots.export.curriculum_video', lambda f, t, v=v: f(made()/'one', t/v), 'must end in .gif or .mp4') for v in ('film', 'film.avi', 'gif')),
    *(refused('plots.export.curriculum_video', lambda f, v=v: f(made()/'one', v), 'path must name a file') for v in (None, 3, 'a\0.gif')),
    *(refused('plots.export.curriculum_video', lambda f, t, v=v: f(made()/'one', t/'f.gif', **v), next(iter(v))) for v in (dict(frames=0), dict(frames=2.5), dict(fps=0), dict(fps=float('nan')), dict(fps=10**400), dict(member=1), dict(member=-1))),
    refused('plots.export.curriculum_video', lambda f, t: f(t/'none', t/'f.gif'), 'no folder'),
    refused('plots.export.curriculum_video', lambda f, t: f(made()/'one', file(t)/'f.gif'), 'is a file'),
    right('plots.export.curriculum_video', lambda f, t: f(made()/'two', t/'f.gif', np.int64(1), np.float32(5), np.int8(1)).stat().st_size>100, True),
    *(refused('plots.export.level_embeddings', lambda f, v=v: f(level(), v), 'sequences') for v in (0, 1.5, None, 10**9)),
    refused('plots.export.level_embeddings', lambda f, t: f(cut(t)/'level_2_checkpoint.pt'), 'truncated'),
    right('plots.export.level_embeddings', lambda f: f(level(), 3)[0].shape, (12, 8)),
    *(refused('plots.export.plot_embeddings_3d', lambda f, v=v: f(*v), w) for v,w in (((None, [0]), 'embeddings'), ((np.ones(3), [0]), 'shape'), ((np.ones((1, 3)), [0]), 'two rows'), ((np.full((2, 3), np.nan), [0, 1]), 'finite'), ((np.ones((2, 3)), [0]), 'labels must have shape'), ((np.ones((2, 3)), 'ab'), 'labels'))),
    refused('plots.export.plot_embeddings_3d', lambda f: f(np.ones((2, 3)), [0, 1], figure().add_subplot()), '3-D axes'),
    refused('plots.export.plot_embeddings_3d', lambda f: f(np.ones((2, 3)), [0, 1], interactive='yes'), 'interactive must be True or False'),
    right('plots.export.plot_embeddings_3d', lambda f: f(np.ones((5, 2), np.float16)[::-1], np.arange(5)), is_axes),
]
