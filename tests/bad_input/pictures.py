"Pictures and model card of the classifier"
import matplotlib
import torch

from bad_input import refused, right
from bad_input.classifier import DATA, MODEL, TINY, X, Y
from geofractal_nb.training.basin import BasinConfig, fit
from geofractal_nb.training.runs import RunFolder

matplotlib.use('agg')
FOUND = []


def result():
    "One trained model for all rows"
    if not FOUND: FOUND.append(fit(BasinConfig(**TINY), DATA))
    return FOUND[0]


def is_axes(ax): return hasattr(ax, 'get_xlim')


HISTORY = [dict(alpha=.5, val_top1=.5, val_scale4_top1=.4, geometric_weights={'4': dict(feature=.2, cantor=.3, crystal=.5)})]
ROWS = [
    refused('plots.basin.cantor_prototypes', lambda f: f(None), 'GeoFractalDavid'),
    right('plots.basin.cantor_prototypes', lambda f: list(f(MODEL)), [4, 6]),
    refused('plots.basin.plot_cantor_distribution', lambda f: f(MODEL, -1), 'bins'),
    refused('plots.basin.plot_cantor_distribution', lambda f: f(X), 'GeoFractalDavid'),
    right('plots.basin.plot_cantor_distribution', lambda f: f(MODEL), is_axes),
    refused('plots.basin.plot_cantor_sorted', lambda f: f({}), 'GeoFractalDavid'),
    right('plots.basin.plot_cantor_sorted', lambda f: len(f(MODEL).lines), 2),
    refused('plots.basin.plot_cantor_cross_scale', lambda f: f(7), 'GeoFractalDavid'),
    right('plots.basin.plot_cantor_cross_scale', lambda f: len(f(MODEL)), 2),
    *(refused(f'plots.basin.{n}', lambda f, h=h, more=more: f(h, *more), 'epoch records') for n,more in (('plot_alpha', ()), ('plot_scale_accuracy', ()), ('plot_geometric_weights', (4,))) for h in ([], None, [1])),
    right('plots.basin.plot_alpha', lambda f: f(HISTORY), is_axes),
    right('plots.basin.plot_scale_accuracy', lambda f: len(f(HISTORY).lines), 2),
    refused('plots.basin.plot_geometric_weights', lambda f: f(HISTORY, 5), 'scale must be one of', "'4'"),
    right('plots.basin.plot_geometric_weights', lambda f: f(HISTORY, 4), is_axes),
    refused('plots.basin.plot_class_map', lambda f: f(MODEL, X, Y, scale=5), 'scale'),
    refused('plots.basin.plot_class_map', lambda f: f(MODEL, X, Y, classes=[1]), 'two classes'),
    refused('plots.basin.plot_class_map', lambda f: f(MODEL, X, Y[:5]), 'rows'),
    refused('plots.basin.plot_class_map', lambda f: f(MODEL, X[:,:3], Y), 'shape (B, 8)'),
    refused('plots.basin.plot_class_map', lambda f: f(MODEL, X, Y+9), 'labels'),
    right('plots.basin.plot_class_map', lambda f: f(MODEL, X.numpy(), Y.numpy()), is_axes),
    refused('plots.basin.explore_classes', lambda f: f(None, X, Y), 'GeoFractalDavid'),
    right('plots.basin.explore_classes', lambda f: len(f(MODEL, X, Y).controls), 3),
    refused('plots.basin.plot_reliability', lambda f: f([2.], [True]), '[0, 1]'),
    refused('plots.basin.plot_reliability', lambda f: f([.5], [True], 0), 'bins'),
    right('plots.basin.plot_reliability', lambda f: f(torch.tensor([.5, 1.]), torch.tensor([True, False])), is_axes),
    *(refused(f'model_card.{n}', lambda f: f({}), 'BasinResult') for n in ('accuracy_table', 'scale_table')),
    right('model_card.accuracy_table', lambda f: '| always | 0.5000 |' in f(result(), always=.5), True),
    right('model_card.scale_table', lambda f: len(f(result()).splitlines()), 3),
    right('model_card.usage', lambda f: 'load_file("w.safetensors")' in f(MODEL, 'w.safetensors'), True),
    refused('model_card.model_card', lambda f: f({}, DATA), 'BasinResult'),
    right('model_card.model_card', lambda f: f'{result().test["top1"]:.4f}' in f(result(), DATA), True),
    refused('model_card.save_report', lambda f, t: f(t, result(), DATA), 'RunFolder'),
    right('model_card.save_report', lambda f, t: [f(RunFolder(t, 'm', 'r'), result(), DATA), sorted(p.suffix for p in RunFolder(t, 'm', 'r').weights.iterdir())][1], ['.md', '.png', '.png', '.png']),
]
