"Heads, model, losses, metrics, training of the basin classifier"
import numpy as np
import torch

from bad_input import redrawn, refused, right
from geofractal_nb.core import generator
from geofractal_nb.data.splits import EmbeddingData, make_splits
from geofractal_nb.losses import ContrastiveBasinLoss
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.models.heads import SimplexHead
from geofractal_nb.geometry.tree import ward_tree
from geofractal_nb.models.start import Moments
from geofractal_nb.storage import save_tensors
from geofractal_nb.training.basin import BasinConfig, begin_basin, train_basin_epoch

NAN,INF = float('nan'),float('inf')
Y = torch.arange(60)%3
X = torch.randn(60, 8, generator=generator(0, 'rows'))+3*torch.eye(8)[Y]
DATA = EmbeddingData('toy', X, Y, make_splits(Y))
TINY = dict(scales=(4,), k=2, epochs=1, batch_size=16)
MODEL = GeoFractalDavid(8, 3, 2, (4, 6)).eval()
with torch.no_grad(): LOGITS = MODEL(X)
V = torch.randn(3, 3, 4, generator=generator(0, 'V'))
q = torch.nn.functional.normalize(torch.randn(5, 4, generator=generator(0, 'q')), dim=-1)
CONF,HIT = [.5, .75, 1.],[True, False, True]


def damaged():
    "A model whose logits are not numbers"
    m = GeoFractalDavid(8, 3, 2, (4,))
    with torch.no_grad(): m.fusion_weights.fill_(NAN)
    return m


def saved(tmp, change=None, meta=None):
    state = {n: t.clone() for n,t in MODEL.state_dict().items()}
    if change: change(state)
    save_tensors(tmp/'m.safetensors', state, meta)
    return tmp/'m.safetensors'


def begun(): return begin_basin(BasinConfig(**TINY), DATA)


WRONG_SIZES = [(dict(k=-1), 'k must be'), (dict(k=0), 'k must be'), (dict(k=2.5), 'k must be'), (dict(k='2'), 'k must be'), (dict(scales=()), 'distinct widths'), (dict(scales=64), 'tuple of widths'),
    (dict(scales='64'), 'tuple of widths'), (dict(scales=('64',)), 'every scale'), (dict(scales=(8, 8)), 'distinct widths'), (dict(scales=(0,)), 'every scale'), (dict(scales=(NAN,)), 'every scale'),
    (dict(scales=tuple(range(1, 200))), '1 to 64'), (dict(scales=(10**9,)), 'width'), (dict(k=30, scales=(8,)), '30-simplex'), (dict(terms=('x',)), 'terms'), (dict(terms=()), 'terms'),
    (dict(terms='feature'), 'terms'), (dict(terms=('feature', 'feature')), 'terms'), (dict(levels=0), 'levels'), (dict(levels=10**9), 'levels'), (dict(tau=0), 'tau'), (dict(tau=NAN), 'tau'),
    (dict(alpha_init=NAN), 'alpha_init'), (dict(alpha_init='half'), 'alpha_init'), (dict(radius=0), 'radius'), (dict(radius=INF), 'radius'), (dict(seed=-1), 'seed'), (dict(seed=.5), 'seed')]
ROWS = [
    *(refused('training.basin.BasinConfig', lambda f, c=c: f(**c), words) for c,words in WRONG_SIZES),
    *(refused('models.david.GeoFractalDavid', lambda f, c=c: f(8, 3, **{'k': 2, 'scales': (8,), **c}), words) for c,words in WRONG_SIZES),
    *(refused('training.basin.BasinConfig', lambda f, c=c: f(**c), words) for c,words in [
        (dict(epochs=0), 'epochs'), (dict(epochs=10**12), 'epochs'), (dict(batch_size=0), 'batch_size'), (dict(lr=0), 'lr'), (dict(lr=-1), 'lr'), (dict(lr=NAN), 'lr'), (dict(lr='0.1'), 'lr'),
        (dict(clip=0), 'clip'), (dict(weight_decay=-1), 'weight_decay'), (dict(warmup=2), 'warmup'), (dict(scheduler='cosin'), 'scheduler'), (dict(scheduler=None), 'scheduler'),
        (dict(patience=-1), 'patience'), (dict(temperature=0), 'temperature'), (dict(temperature=INF), 'temperature'), (dict(learn_temperature='no'), 'True or False'), (dict(smoothing=2), 'smoothing'),
        (dict(smoothing=-.1), 'smoothing'), (dict(coherence_weight=-1), 'coherence_weight'), (dict(geometry_weight=NAN), 'geometry_weight'), (dict(separation_weight='1'), 'separation_weight'),
        (dict(precision='fp8'), 'precision'), (dict(precision=None), 'precision'), (dict(device='tpu'), 'device'), (dict(device=None), 'device')]),
    right('training.basin.BasinConfig', lambda f: f(k=np.int64(3), scales=np.array([8, 16]), lr=np.float32(.5), learn_temperature=np.True_, seed=np.int32(2)),
          lambda c: (type(c.k), type(c.scales[0]), type(c.lr), type(c.seed))==(int, int, float, int) and c==BasinConfig(k=3, scales=(8, 16), lr=.5, seed=2)),
    *(refused('models.david.GeoFractalDavid', lambda f, a=a: f(*a, k=2, scales=(8,)), words) for a,words in [
        ((0, 3), 'feature_dim'), ((8, 1), 'num_classes'), ((8.5, 3), 'feature_dim'), ((8, 10**12), 'num_classes'), (('8', 3), 'feature_dim'), ((NAN, 3), 'feature_dim')]),
    refused('models.david.GeoFractalDavid', lambda f: f(512, 10**6, k=100, scales=(1024,)), 'weights'),
    refused('models.david.GeoFractalDavid', lambda f: f(8, 3, 2, (8,), kind='regullar'), 'kind'),
    refused('models.david.GeoFractalDavid', lambda f: f(8, 3, 2, (8,), reference='no'), 'True or False'),
    refused('models.david.GeoFractalDavid', lambda f: f(8, 3, 2, (8,), linear='no'), 'True or False'),
    refused('models.david.GeoFractalDavid', lambda f: f(8, 3, 2, (8,), reference=True, linear=True), "not the source's arithmetic"),
    refused('models.heads.SimplexHead', lambda f: f(8, 3, 2, 8, linear=1.5), 'True or False'),
    *(refused('models.start.Moments', lambda f, a=a: f(*a), words) for a,words in (((0, 3), 'feature_dim'), ((8, 2.5), 'num_classes'), ((None, 3), 'feature_dim'))),
    *(refused('models.start.Moments', lambda f, a=a: f(8, 3).add(*a), words) for a,words in (
        ((X[:,:3], Y), 'shape (B, 8)'), ((X, Y[:5]), 'shape (B, 8)'), ((X, Y+1), '[0, 3)'), ((X, -Y), '[0, 3)'), ((X, Y.float()), 'int64'), ((None, Y), 'tensors'))),
    right('models.start.Moments', lambda f: f(8, 3).add(X.half().T.contiguous().T, Y).counts.tolist(), [20., 20., 20.]),
    right('models.start.Moments', lambda f: f(8, 3).add(X[:0], Y[:0]).counts.tolist(), [0., 0., 0.]),
    *(refused('models.start.oas_shrinkage', lambda f, a=a: f(*a), words) for a,words in (
        ((X, 3), 'square finite'), ((torch.full((2, 2), NAN), 3), 'square finite'), ((torch.eye(2), -1), 'n must'), ((torch.eye(2), NAN), 'n must'), ((None, 3), 'square finite'))),
    right('models.start.oas_shrinkage', lambda f: f(torch.eye(3), np.float64(10)), 1.),
    *(refused('models.start.discriminant', lambda f, m=m: f(m()), words) for m,words in (
        (lambda: None, 'Moments'), (lambda: Moments(8, 3), 'at least 2 classes'), (lambda: Moments(8, 3).add(X, Y*0), 'at least 2 classes'),
        (lambda: Moments(8, 3).add(X*NAN, Y), 'finite'), (lambda: Moments(8, 3).add(X.double()*1e200, Y), 'finite'))),
    right('models.start.discriminant', lambda f: f(Moments(8, 3).add(X, Y)).scores(X).argmax(1).eq(Y).float().mean() > .8, True),
    right('models.start.Discriminant', lambda f: f(torch.zeros(2), torch.eye(2), torch.eye(2), 0.).scores(torch.eye(2)).argmax(1).tolist(), [0, 1]),
    *(refused('models.start.start_from_data', lambda f, m=m: f(m, [(X, Y)]), words) for m,words in (
        (MODEL, 'linear=True'), (None, 'linear=True'), (GeoFractalDavid(5, 3, 2, (8,), linear=True), 'shape (B, 5)'))),
    right('models.start.start_from_data', lambda f: f(GeoFractalDavid(8, 3, 2, (8,), linear=True), [(X, Y*0)]), None),
    *(refused('models.start.start_from_data', lambda f, c=c: f(GeoFractalDavid(8, 3, 2, (8,), linear=True), [(X, Y)], c), 'clusters must have shape')
      for c in (torch.zeros(3, 2, 8), X, 'two', 3)),
    *(refused('models.start.start_from_data', lambda f, t=t: f(GeoFractalDavid(8, 3, 2, (8,), linear=True), [(X, Y)], tree=t), 'tree must be a ClassTree of 3 classes')
      for t in ('oak', 3, ward_tree(torch.eye(4)))),
    *(refused('models.start.class_clusters', lambda f, a=a: f(*a), words) for a,words in (
        ((X, Y, 3, 0), 'count'), ((X, Y, 3, 2.5), 'count'), ((X, Y, 2, 2), 'in [0, 2)'), ((X, Y[1:], 3, 2), 'rows (N,F)'), ((X.numpy(), Y, 3, 2), 'rows (N,F)'),
        ((X, Y.double(), 3, 2), 'int64'), ((X*NAN, Y, 3, 2), 'finite'), ((X, Y, 3, 2, 0, -1), 'steps'))),
    right('models.start.class_clusters', lambda f: f(X, Y, 3, 1)[:,0], torch.stack([X[Y==c].mean(0) for c in range(3)])),
    right('models.start.class_clusters', lambda f: f(X[:1].expand(20, 8), Y[:20]*0, 1, 4).isnan().all(2).sum().item(), 3),
    right('models.start.class_clusters', lambda f: f(X[:0], Y[:0], 3, 2).isnan().all().item(), True),
    *(refused('models.start.nearest_cluster', lambda f, a=a: f(*a), 'do not fit') for a in (
        (X, Y, X), (X[:,:3], Y, torch.zeros(3, 2, 8)), (X, Y[1:], torch.zeros(3, 2, 8)), (None, Y, torch.zeros(3, 2, 8)))),
    right('models.start.nearest_cluster', lambda f: f(X, Y, torch.full((3, 2, 8), NAN)).tolist(), [0]*len(X)),
    *(refused('models.david.GeoFractalDavid', lambda f, x=x: f(8, 3, 2, (8,))(x), words) for x,words in [
        (torch.zeros(2, 5), 'shape (B, 8)'), (torch.zeros(8), 'shape (B, 8)'), (torch.zeros(2, 8, dtype=torch.cfloat), 'real'), (None, 'numbers'), ('abc', 'numbers'), (torch.zeros(2, 8)>1, 'real')]),
    *(right('models.david.GeoFractalDavid', lambda f, x=x: MODEL(x()).detach(), lambda out: torch.allclose(out, LOGITS, atol=2e-3))
      for x in (lambda: X.numpy(), lambda: X.double(), lambda: X.half(), lambda: X.T.contiguous().T, lambda: X.numpy()[::-1][::-1], lambda: X.tolist(), lambda: X.numpy().astype('>f8'), lambda: X*1e30, lambda: X*1e-30)),
    *(refused('models.david.GeoFractalDavid', lambda f, x=x: MODEL.explain(x), words) for x,words in [
        (torch.full((1, 8), NAN), 'finite'), (torch.full((1, 8), INF), 'finite'), (torch.zeros(0, 8), 'at least one row'), (torch.zeros(2, 3), 'shape (B, 8)')]),
    right('models.david.GeoFractalDavid', lambda f: list(MODEL.get_geometric_weights()), [4, 6]),
    right('models.david.GeoFractalDavid', lambda f: list(MODEL.get_cantor_interval_distribution(X.numpy())), [4, 6]),
    right('models.david.Explanation', lambda f: type(MODEL.explain(X.numpy()[:2])) is f, True),
    *(refused('models.david.check_scales', lambda f, v=v: f(v), 'widths') for v in ((), 64, '64', None, (8, 8), {8: 1})),
    right('models.david.check_scales', lambda f: f(np.array([8, 4])), (8, 4)),
    refused('models.david.save_model', lambda f, tmp: f(tmp/'m.safetensors', DATA), 'GeoFractalDavid'),
    right('models.david.save_model', lambda f, tmp: f(tmp/'m.safetensors', MODEL), None),
    refused('models.david.infer_config', lambda f: f({}), 'not a GeoFractalDavid'),
    refused('models.david.infer_config', lambda f: f(None), 'state dict'),
    refused('models.david.infer_config', lambda f: f({**MODEL.state_dict(), 'heads.4.class_prototypes': torch.zeros(3)}), 'shape'),
    right('models.david.infer_config', lambda f: f(MODEL.state_dict()), dict(feature_dim=8, num_classes=3, k=2, scales=[4, 6], linear=False)),
    *(refused('models.david.load_model', lambda f, v=v: f(v), 'path' if not isinstance(v, str) else 'no file') for v in (None, 7, b'x', ['x'], 'none.safetensors')),
    refused('models.david.load_model', lambda f, tmp: f(tmp), 'folder'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp), nonsense=1), 'unknown arguments'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp), tau=0), 'tau'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp, lambda s: s['fusion_weights'].fill_(NAN))), 'finite', 'fusion_weights'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp, meta={'config': {**MODEL.config, 'num_classes': 10**9}})), 'header'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp, meta={'config': {**MODEL.config, 'levels': 10**9}})), 'levels'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp, meta={'config': {**MODEL.config, 'evil': 1}})), 'configuration'),
    refused('models.david.load_model', lambda f, tmp: f(saved(tmp, meta={'config': [1]})), 'configuration'),
    right('models.david.load_model', lambda f, tmp: f(saved(tmp)).scales, (4, 6)),
    *(refused('models.heads.simplex_terms', lambda f, a=a: f(*a), 'shape') for a in ((q, V[0]), (q[0], V), (q[:,:2], V), (q, V[:0]))),
    right('models.heads.simplex_terms', lambda f: f(q, V)[2].shape, (5, 3)),
    *(refused(f'models.heads.{n}', lambda f, a=a, kw=kw: f(*a, **kw), words)
      for n in ('region_probabilities', 'plot_regions') for a,kw,words in (
        ((V[0], [0, 1, 2]), {}, 'V must have shape'), ((V[...,:2], [0, 1, 2]), {}, '3 dimensions'), ((V*NAN, [0, 1, 2]), {}, 'finite'), ((V[:0], []), {}, '3 dimensions'),
        ((V.double()*1e300, [0, 1, 2]), {}, 'float32'), (('V', [0]), {}, 'V must'), ((V, [0, 1]), {}, 'prototypes'), ((V, [0, NAN, 1]), {}, 'prototypes'), ((V, None), {}, 'prototypes'),
        *(((V, [0, 1, 2]), dict(mix=m), 'mix') for m in ((0, 0, 0), (1, 1), (1, -1, 1), (NAN, 1, 1), 'abc', None)),
        *(((V, [0, 1, 2]), dict(temperature=t), 'temperature') for t in (0, -1., NAN, INF, None, '1')),
        *(((V, [0, 1, 2]), dict(size=n), 'size') for n in (1, 0, 2.5, NAN, 10**6, None)))),
    *(right('models.heads.region_probabilities', lambda f, a=a: f(*a, size=5).nansum(-1)[2,2], 1.) for a in ((V, [0, 1, 2]), (V.numpy().astype('>f8'), np.arange(3, dtype=np.float16)), (V.tolist(), (0., .5, 1.)),
        (V.clone().requires_grad_(), torch.arange(3)), (V, [0, 1, 2], np.array([0, 0, 1e-300])), (V, [0, 1, 2], (1, 1, 1), 1e-6), (V*1e15, [0, 1, 2]))),
    refused('models.heads.plot_regions', lambda f: f(V, [0, 1, 2], ax='here'), 'ax must be matplotlib Axes'),
    right('models.heads.plot_regions', lambda f: len(f(V, [0, 1, 2], size=np.int8(9)).collections), 6), # edges and vertices of three simplices
    right('models.heads.explore_heads', lambda f: list(f().controls), ['feature', 'cantor', 'crystal', 'temperature', 'k', 'radius']),
    *(right('models.heads.explore_heads', lambda f, n=n, v=v: redrawn(f(), n, v), True) for n,v in (('feature', 0.), ('cantor', 4.), ('crystal', 0.), ('temperature', 1e-3), ('temperature', 1.), ('k', 1), ('k', 8), ('radius', 1.))),
    refused('models.heads.cantor_term', lambda f: f(torch.zeros(2, 2), torch.zeros(3)), 'vectors'),
    right('models.heads.cantor_term', lambda f: f(torch.tensor([.5]), torch.tensor([0.])), torch.tensor([[-.25]])),
    *(refused('losses.loss_curves', lambda f, a=a: f(*a), words) for a,words in (((None,), 'loss must be a ContrastiveBasinLoss'), ((.1,), 'loss must be a ContrastiveBasinLoss'),
        *(((ContrastiveBasinLoss(), c), 'num_classes') for c in (1, 0, 2.5, NAN, '3', None, 10**9)), *(((ContrastiveBasinLoss(), 3, n), 'size') for n in (1, 0, 2.5, NAN, '3', None, 10**9)))),
    right('losses.loss_curves', lambda f: list(f(ContrastiveBasinLoss(), np.int8(3), 5)[1]), ['cross-entropy', 'separation', 'coherence']),
    *(right('losses.loss_curves', lambda f, kw=kw: all(bool(v.isfinite().all()) for pair in f(ContrastiveBasinLoss(**kw), 2)[1].values() for v in pair), True)
      for kw in (dict(temperature=1e-6), dict(temperature=1e6), dict(smoothing=.999), dict(margin=2., separation_weight=1e6), dict(margin=1e-9, separation_weight=1.))),
    *(refused('losses.plot_losses', lambda f, a=a: f(*a), words) for a,words in (((None, {}), 'x must'), (([NAN], {}), 'x must be finite'), *((([0., 1.], c), 'curves must hold') for c in (None, 3, {}, [1.], {'a': [1.]}, {'a': 3})),
        (([0., 1.], {'a': ([1.], [1.])}), 'shape (2'), (([0., 1.], {'a': ([1., NAN], [1., 1.])}), 'finite'), (([0., 1.], {'a': ([1., 2.], [1., 1.])}, 'both'), 'gradient must be True or False'),
        (([0., 1.], {'a': ([1., 2.], [1., 1.])}, True, 'here'), 'ax must be matplotlib Axes'))),
    right('losses.plot_losses', lambda f: f([0, 1], {'a': (np.float16([1, 2]), [3, 4])}, True).lines[0].get_ydata().tolist(), [3., 4.]),
    right('losses.explore_losses', lambda f: list(f().controls), ['temperature', 'smoothing', 'classes', 'margin', 'separation', 'coherence']),
    *(right('losses.explore_losses', lambda f, n=n, v=v: redrawn(f(), n, v), True) for n,v in (('temperature', .01), ('temperature', 10.), ('smoothing', .5), ('classes', 1000), ('margin', 2.), ('separation', 0.), ('coherence', 3.))),
    *(refused('models.heads.check_terms', lambda f, v=v: f(v), 'terms') for v in ((), 'feature', ('x',), None, 3, ('feature', 'feature'), [None])),
    right('models.heads.check_terms', lambda f: f(['crystal']), ('crystal',)),
    *(refused('models.heads.check_head', lambda f, a=a: f(*a), words) for a,words in (((8, 3, 9, 4), '9-simplex'), ((8, 1, 2, 4), 'num_classes'), ((8, 3, 0, 4), 'k must'), ((0, 3, 2, 4), 'feature_dim'), ((8, 10**7, 10**3, 10**4), 'weights'))),
    right('models.heads.check_head', lambda f: f(np.int64(8), 3, 2, 4), (8, 3, 2, 4)),
    *(refused('models.heads.SimplexHead', lambda f, a=a: f(*a), words) for a,words in (((12, 30, 20, 16), '20-simplex'), ((12, 1, 4, 16), 'num_classes'), ((12, 3, 4, 16, 0), 'radius'), ((12, 3, 4, 16, .2, 'x'), 'kind'), ((12, 3, 4, 16, .2, 'regular', ('x',)), 'terms'))),
    refused('models.heads.SimplexHead', lambda f: SimplexHead(8, 3, 2, 4)(torch.zeros(2, 5), torch.zeros(2)), 'shape (B, 8)'),
    *(refused('losses.class_labels', lambda f, v=v: f(v, 3), 'labels') for v in ([0, 3], [-1, 0], [.5], [], [[0]], ['a'], [NAN], None)),
    right('losses.class_labels', lambda f: f(np.array([0, 2], np.uint8), 3).tolist(), [0, 2]),
    refused('losses.coherence', lambda f: f(torch.zeros(2), torch.zeros(3), torch.zeros(3, dtype=torch.long)), 'one length'),
    refused('losses.coherence', lambda f: f(torch.zeros(2, 2), torch.zeros(3), torch.zeros(2, dtype=torch.long)), 'vectors'),
    right('losses.coherence', lambda f: f(torch.tensor([.5]), torch.tensor([0., 1.]), torch.tensor([1])), .25),
    refused('losses.separation', lambda f: f(V[:1]), 'C >= 2'),
    refused('losses.separation', lambda f: f(V, 0), 'margin'),
    refused('losses.separation', lambda f: f(V, 3), 'margin'),
    right('losses.separation', lambda f: f(torch.eye(4)[:,None]), 0.),
    refused('losses.discretisation', lambda f: f(torch.zeros(2, 3)), 'shape (B, L, 3)'),
    right('losses.discretisation', lambda f: f(torch.full((2, 5, 3), 1/3)), float(np.log(3))),
    refused('losses.simplex_regularity', lambda f: f(V[0]), 'shape (C, k+1, s)'),
    refused('losses.simplex_regularity', lambda f: f(V, 0), 'eps'),
    right('losses.simplex_regularity', lambda f: f(V).item()>0, True),
    *(refused('losses.ContrastiveBasinLoss', lambda f, c=c: f(**c), words) for c,words in [(dict(temperature=0), 'temperature'), (dict(temperature=NAN), 'temperature'), (dict(smoothing=1), 'smoothing'),
        (dict(margin=0), 'margin'), (dict(learn_temperature='no'), 'True or False'), (dict(coherence_weight=-1), 'coherence weight'), (dict(geometry_weight=INF), 'geometry weight'), (dict(scale_weight='1'), 'scales weight')]),
    *(refused('losses.ContrastiveBasinLoss', lambda f, y=y: f()(MODEL, X, y), 'int64 tensor of shape (60,)') for y in (Y[:5], Y.float(), Y.tolist(), None, Y[:,None])),
    right('losses.ContrastiveBasinLoss', lambda f: f(temperature=np.float32(.5)).temperature.item(), .5),
    *(refused('metrics.reliability', lambda f, a=a: f(*a), words) for a,words in (((CONF, HIT[:2]), 'correct'), (([1.5], [True]), '[0, 1]'), (([-.1], [True]), '[0, 1]'), (([NAN], [True]), 'finite'), (([], []), 'at least one'), ((CONF, HIT, 0), 'bins'), ((CONF, HIT, 2.5), 'bins'), (([[.5]], [True]), 'shape (N,)'))),
    right('metrics.reliability', lambda f: f(np.array(CONF, np.float16), np.array(HIT), np.int64(2))[2].sum().item(), 1.),
    refused('metrics.expected_calibration_error', lambda f: f([2.], [True]), '[0, 1]'),
    right('metrics.expected_calibration_error', lambda f: f([1., 1.], [True, True]), 0.),
    *(refused('training.basin.learning_rates', lambda f, a=a: f(*a), words) for a,words in (((None,), 'BasinConfig'), *(((BasinConfig(), n), 'steps') for n in (0, -1, 2.5, NAN, '3', None, 10**7)),
        *(((BasinConfig(), 5, h), 'epoch records with val_top1') for h in (None, 3, 'ab', [.5], [{}])), ((BasinConfig(epochs=1000), 10**6), 'too many to list'))),
    right('training.basin.learning_rates', lambda f: f(BasinConfig(epochs=2, lr=np.float64(.5), warmup=0, scheduler='constant'), np.int8(3))['stairs'], torch.full((6,), .05)),
    *(refused('training.basin.plot_learning_rates', lambda f, v=v: f(v), 'what learning_rates returns') for v in (None, {}, 3, [1.], {'heads': [1.]}, {'heads': torch.ones(2, 2)}, {'heads': torch.tensor([NAN])})),
    *(refused('training.basin.plot_learning_rates', lambda f, n=n: f({'heads': torch.ones(2)}, n), 'steps') for n in (0, -1, NAN, '3', None)),
    refused('training.basin.plot_learning_rates', lambda f: f({'heads': torch.ones(2)}, 1, 'here'), 'ax must be matplotlib Axes'),
    right('training.basin.plot_learning_rates', lambda f: f({'heads': torch.ones(2)}, np.int8(2)).lines[0].get_xdata().tolist(), [0., .5]),
    right('training.basin.explore_learning_rates', lambda f: list(f().controls), ['scheduler', 'lr', 'warmup', 'epochs', 'improves']),
    *(right('training.basin.explore_learning_rates', lambda f, n=n, v=v: redrawn(f(), n, v), True) for n,v in (('scheduler', 'one-cycle'), ('lr', .1), ('lr', 1e-5), ('warmup', .5), ('epochs', 2), ('epochs', 40))),
    refused('training.basin.lr_factor', lambda f: f(None, 0, 10), 'BasinConfig'),
    refused('training.basin.lr_factor', lambda f: f(BasinConfig(), -1, 10), 'step'),
    right('training.basin.lr_factor', lambda f: f(BasinConfig(scheduler='constant', warmup=0), 5, 10), 1.),
    *(refused('training.basin.predictions', lambda f, a=a: f(*a), words) for a,words in (((MODEL, DATA, 'tset'), 'split'), ((MODEL, None, 'test'), 'data'), ((None, DATA, 'test'), 'model'), ((MODEL, DATA, 'test', 0), 'temperature'), ((MODEL, DATA, 'test', NAN), 'temperature'), ((MODEL, DATA, 'test', 1., 0), 'batch_size'))),
    refused('training.basin.predictions', lambda f: f(damaged(), DATA, 'test'), 'not finite'),
    right('training.basin.predictions', lambda f: len(f(MODEL, DATA, 'test')['']['top1']), len(DATA.splits['test'])),
    refused('training.basin.evaluate', lambda f: dict(f(MODEL, DATA, 'tset')), 'split'),
    refused('training.basin.evaluate', lambda f: dict(f(damaged(), DATA, 'test')), 'not finite'),
    right('training.basin.evaluate', lambda f: dict(f(MODEL, DATA, 'test'))['top5'], 1.),
    refused('training.basin.calibrate_temperature', lambda f: f(MODEL, DATA, 'tset'), 'split'),
    refused('training.basin.calibrate_temperature', lambda f: f(MODEL, DATA, low=0), 'low'),
    refused('training.basin.calibrate_temperature', lambda f: f(MODEL, DATA, low=2, high=1), 'high'),
    refused('training.basin.calibrate_temperature', lambda f: f(damaged(), DATA), 'not finite'),
    right('training.basin.calibrate_temperature', lambda f: 0<f(MODEL, DATA)<11, True),
    refused('training.basin.fit_temperature', lambda f: f([[1., 2.]], [0]), 'shape (N, C)'),
    refused('training.basin.fit_temperature', lambda f: f(torch.zeros(3, 2), [0, 1, 2]), '[0, 2)'),
    refused('training.basin.fit_temperature', lambda f: f(torch.zeros(3, 2), [0, 1]), '3 rows'),
    refused('training.basin.fit_temperature', lambda f: f(torch.full((2, 2), NAN), [0, 1]), 'not finite'),
    right('training.basin.fit_temperature', lambda f: .001<f(torch.eye(2), [0, 1])<11, True),
    right('training.basin.fresh_state', lambda f: f(BasinConfig(**TINY), DATA).epoch, 0),
    *(refused('training.basin.fit_temperature', lambda f, v=v: f(torch.eye(2), [0, 1], near=v), 'near') for v in (0, -1, NAN, INF, '1')),
    *(refused('training.basin.fit_temperature', lambda f, v=v: f(torch.eye(2), [0, 1], near=.1, spread=v), 'spread') for v in (0, -1, NAN, INF, '1', None)),
    *(refused('training.basin.interpolate_weights', lambda f, a=a: f(*a), words) for a,words in (((None, {}, 1), 'state dicts'), (({'w': torch.ones(2)}, {'w': torch.ones(3)}, 1), 'names and shapes'),
        (({'w': torch.ones(2)}, {'v': torch.ones(2)}, 1), 'names and shapes'), (({'w': [1.]}, {'w': [1.]}, 1), 'state dicts'), *((({}, {}, v), 'share') for v in (-.1, 1.1, NAN, None, 'half')))),
    right('training.basin.interpolate_weights', lambda f: f({'w': torch.zeros(2)}, {'w': torch.ones(2)}, np.float32(.5))['w'].tolist(), [.5, .5]),
    *(refused('training.basin.choose_interpolation', lambda f, a=a: f(*a), words) for a,words in (((None, [0], .1), 'function'), ((lambda s: torch.eye(2), [0, 1], .1, ()), 'shares'), ((lambda s: torch.eye(2), [0, 1], .1, (2,)), 'every share'),
        ((lambda s: torch.eye(2), [0, 1], 0), 'temperature'), ((lambda s: torch.eye(2), [0, 2], .1), '[0, 2)'), ((lambda s: torch.eye(2), [0], .1), '1 label'), ((lambda s: torch.eye(2)*NAN, [0, 1], .1), 'not finite'), ((lambda s: [[1.]], [0], .1), 'shape (N, C)'))),
    right('training.basin.choose_interpolation', lambda f: f(lambda s: torch.eye(2), [0, 1], .1, (.5,))[0], .5),
    right('training.basin.TrainState', lambda f: type(begun()) is f, True),
    right('training.basin.build_optimizer', lambda f: len(f(BasinConfig(), MODEL, ContrastiveBasinLoss()).param_groups)>2, True),
    refused('training.basin.begin_basin', lambda f: f(None, DATA), 'BasinConfig'),
    refused('training.basin.begin_basin', lambda f: f(BasinConfig(**TINY), X), 'EmbeddingData'),
    right('training.basin.begin_basin', lambda f: f(BasinConfig(**TINY), DATA).epoch, 0),
    right('training.basin.train_basin_epoch', lambda f: 'train_loss' in f(begun(), DATA), True),
    right('training.basin.close_basin_epoch', lambda f: [s := begun(), f(s, DATA, train_basin_epoch(s, DATA), 0.), s.stopped][2], 'all epochs done'),
    right('training.basin.BasinResult', lambda f: f(BasinConfig(), MODEL, 1., []).seconds, 0),
    refused('training.basin.fit', lambda f: f({}, DATA), 'BasinConfig'),
    right('training.basin.fit', lambda f: len(f(BasinConfig(**TINY), DATA).history), 1),
]
