"The curriculum: block, steps, levels, members, loop, pictures"
import numpy as np
import torch

from bad_input import refused, right
from geofractal_nb.core import generator
from geofractal_nb.models.zeta import ZetaBlock
from geofractal_nb.models.zeta_step import Packed
from geofractal_nb.training.curriculum import CurriculumMetrics, fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.members import CurriculumState, initial_parameters, start_level

C = CurriculumConfig(levels=(2, 3), epochs_per_level=2, stability_window=2, n_samples=32, n_validation=16, seq_len=4, d_model=8, n_heads=2, members=2, device='cpu')
CPU,NAN,INF = torch.device('cpu'),float('nan'),float('inf')
S = torch.randn(2, 4, 4, generator=generator(0, 'rows'))
Q = torch.randn(2, 2, 4, 4, generator=generator(1, 'rows'))
X,Y = torch.randn(2, 3, 4, 8, generator=generator(2, 'rows')),torch.zeros(2, 3, 4, dtype=torch.long)
FOCI = (torch.tensor([.3, 1.]), torch.tensor([.5, .5]))


def params(): return initial_parameters(C)
def block(): return {n[6:]: v for n,v in params().items() if n.startswith('block.')}
def one(): return dict(ZetaBlock(8, 2).named_parameters())
def fresh(start=True):
    s = CurriculumState(C, CPU, params(), runs=[[], []])
    if start: start_level(s)
    return s
def done(): return fit_curriculum(C)
def record(**more): return {**dict(level=1, n_foci=2, target_kappa=1., emergent_kappa=1., is_stable=True, clipped=False, epochs=3, accuracy_on_levels=[.5]), **more}
def metrics(): return CurriculumMetrics(done().runs)
def finite(t): return bool(torch.as_tensor(t).isfinite().all())



def memory(name, shape): return torch.empty(shape)
def steps_back(f):
    "The gradient of the sum of values, against automatic differentiation"
    from geofractal_nb.models.zeta import attend, gaussian_weights, poisson_weights
    one = torch.ones(())
    q,k,v = (Q.clone().requires_grad_() for _ in range(3))
    S_ = q@k.mT/q.shape[-1]**.5
    wanted = torch.autograd.grad(((.5*gaussian_weights(S_)+.5*poisson_weights(S_, one, one))@v).sum(), (q, k, v))
    kept,out = attend(Q, Q, Q, one, one, .5, None, memory)[1],[torch.empty_like(Q) for _ in range(3)]
    f(torch.ones_like(Q), Q, Q, Q, one, one, .5, kept, memory, out)
    return all(torch.allclose(a, b, atol=1e-5) for a,b in zip(out, wanted))
def finished(f):
    "One of two members is done with its level"
    from types import SimpleNamespace
    from geofractal_nb.training.members import close_epoch, train_epoch
    s = fresh()
    for _ in range(2): close_epoch(s, train_epoch(s))
    f(s, SimpleNamespace(save_member=lambda *a: None), [(0, 'stable')])
    return len(s.runs[0])-len(s.runs[1])


ROWS = [
    refused('models.zeta.gaussian_weights', lambda f: f(S*NAN), 'S must be finite', 'nan'),
    refused('models.zeta.gaussian_weights', lambda f: f(S, torch.zeros(4, dtype=torch.bool)), 'keys', 'every query'),
    refused('models.zeta.gaussian_weights', lambda f: f(S, torch.ones(4)), 'True or False'),
    refused('models.zeta.gaussian_weights', lambda f: f('S'), 'numbers'),
    right('models.zeta.gaussian_weights', lambda f: f(S.double().numpy()), torch.softmax(S, -1).double()),
    refused('models.zeta.poisson_weights', lambda f: f(S, 0., 1.), 'beta must be positive'),
    refused('models.zeta.poisson_weights', lambda f: f(S, 1., NAN), 't must be finite'),
    refused('models.zeta.poisson_weights', lambda f: f(S*1e30, 1., 1.), 'square', '+30'),
    right('models.zeta.poisson_weights', lambda f: f(np.zeros((2, 2), np.float16), 1, 1), torch.full((2, 2), .5)),
    refused('models.zeta.dual_kernel_attention', lambda f: f(Q, Q[...,:2], Q, 1., 1.), 'k must have shape'),
    refused('models.zeta.dual_kernel_attention', lambda f: f(Q, Q, Q, -1., 1.), 'beta must be positive'),
    refused('models.zeta.dual_kernel_attention', lambda f: f(Q, Q, Q, 1., 1., 2.), 'mix must lie'),
    refused('models.zeta.dual_kernel_attention', lambda f: f(Q*INF, Q, Q, 1., 1.), 'q must be finite'),
    right('models.zeta.dual_kernel_attention', lambda f: f(*[Q[...,:1,:].numpy()]*3, 1, 1), Q[...,:1,:]),
    refused('models.zeta.zeta_attention', lambda f: f({}, X[0], 2), 'W_Q.weight'),
    refused('models.zeta.zeta_attention', lambda f: f(one(), X[0,...,:4], 2), 'x must have shape', '(3, 4, 4)'),
    refused('models.zeta.zeta_forward', lambda f: f(one(), X[0], 4), 'n_heads must be 2'),
    refused('models.zeta.zeta_forward', lambda f: f(block(), X[:1], 2), 'x must have shape (2, B, N, 8)'),
    right('models.zeta.zeta_forward', lambda f: f(one(), X[0].numpy(), 2)[0], lambda o: o.shape==(3, 4, 8)),
    right('models.zeta.turn_kernels', lambda f: f(one(), torch.tensor(0.), .05), None),
    refused('models.zeta.kappa_feedback', lambda f: f(one(), NAN), 'kappa must be finite'),
    refused('models.zeta.kappa_feedback', lambda f: f(one(), 1., -1.), 'strength', '>= 0'),
    refused('models.zeta.kappa_feedback', lambda f: f({}, 1.), 'poisson_beta'),
    refused('models.zeta.kappa_feedback', lambda f: f(one(), [1., 2.]), 'kappa must be a number'),
    *(refused('models.zeta.ZetaBlock', lambda f, a=a: f(*a), w) for a,w in (((0,), 'd_model'), ((8, 3), 'divide'), ((8.,), 'd_model'), ((8, 2, 'no'), 'learn_mix'), ((10**6,), 'd_model'), ((8, 2, False, -1), 'feed_forward'))),
    refused('models.zeta.ZetaBlock', lambda f: f(8, 2)(X[0], torch.ones(3, 3, dtype=torch.bool)), 'mask must have shape'),
    refused('models.zeta.ZetaBlock', lambda f: f(8, 2)(X[0], torch.ones(3, 4)), 'True or False'),
    refused('models.zeta.ZetaBlock', lambda f: f(8, 2)(X[0], own_token='no'), 'own_token'),
    refused('models.zeta.ZetaBlock', lambda f: f(8, 2)(X[0,:,:0]), 'at least one token'),
    right('models.zeta.ZetaBlock', lambda f: f(np.int64(8), 2)(X[0].double()).shape, (3, 4, 8)),
    *(refused('models.zeta_step.Packed', lambda f, a=a: f(a), 'params must') for a in ({}, None, {'a': 1}, {'a': torch.ones(2), 'b': torch.ones(3)}, {'W_Q.weight': torch.ones(2, 4, 4)})),
    right('models.zeta_step.Packed', lambda f: f({'a': torch.ones(2, 3)}).vector, torch.ones(6)),
    refused('models.zeta_step.Workspace', lambda f: f('float32'), 'like must be a tensor'),
    refused('models.zeta_step.Workspace', lambda f: f(None), 'like must be a tensor', 'None'),
    right('models.zeta_step.Workspace', lambda f: f(X.double()).constant(1., (2,)), torch.ones(2, dtype=torch.float64)),
    right('models.zeta_step.Workspace', lambda f: f(X.half()).rows('y', Y, torch.tensor([1])), Y[1:]),
    right('models.zeta_step.Workspace', lambda f: f(X).moved('x', X, (2, 0, 1)), X.permute(2, 0, 1, 3)),
    *(refused(f'models.zeta_step.{n}', lambda f, a=a: f(Packed(params()), *a), w) for n in ('zeta_gradients', 'automatic_gradients') for a,w in (
        ((X.double(), Y, 2, 2), 'x must be float32'), ((X, Y[:,:1], 2, 2), 'y must be'), ((X, Y.float(), 2, 2), 'y must be int64'), ((X, Y, 3, 2), 'n_heads must be 2'), ((X, Y, 2, 9), 'classes'), ((X[:,:0], Y[:,:0], 2, 2), 'not empty'))),
    *(refused('training.levels.CurriculumConfig', lambda f, a=a: f(**a), w) for a,w in ((dict(enable_zeta_norm='no'), 'enable_zeta_norm'), (dict(levels=3), 'levels'), (dict(lr=NAN), 'lr'), (dict(kappa_range=(1, 2, 3)), '2 numbers'), (dict(members=10**9), 'members'), (dict(task='maze'), 'task'))),
    right('training.levels.CurriculumConfig', lambda f: f(max_n_foci=np.int8(3)).order, (1, 2, 3)),
    refused('training.levels.next_targets', lambda f: f(C, 1, [NAN, 1.]), 'emergent must be finite'),
    refused('training.levels.next_targets', lambda f: f(C, 1, [1.]), 'emergent must have shape (2,)'),
    refused('training.levels.next_targets', lambda f: f(C, -1, None), 'at must be'),
    refused('training.levels.solve_levels', lambda f: f(C, 3, []), 'one per member'),
    refused('training.levels.solve_levels', lambda f: f(C, 0, [dict(target_kappa=1.)]*2), 'n_foci'),
    refused('training.levels.solve_levels', lambda f: f(C, 3, [dict(target_kappa=NAN)]*2), 'target_kappa'),
    refused('training.levels.describe_foci', lambda f: f(3, FOCI), 'angles must have shape (3,)'),
    refused('training.levels.describe_foci', lambda f: f(2, (FOCI[0], 2*FOCI[1])), 'sum to 1'),
    right('training.levels.describe_foci', lambda f: f(2, [a.tolist() for a in FOCI])['n_foci'], 2),
    refused('training.levels.level_data', lambda f: f(C, 2, 2, FOCI, 'train'), 'member must be'),
    refused('training.levels.level_data', lambda f: f(C, 0, 2, FOCI, 'test'), 'split must be one of'),
    refused('training.levels.level_data', lambda f: f(C, 0, 3, FOCI, 'train'), 'shape (3,)'),
    refused('training.levels.stability', lambda f: f([1., NAN], 2), 'means must be finite'),
    refused('training.levels.stability', lambda f: f([1., 2.], 0), 'window'),
    right('training.levels.stability', lambda f: f(np.ones(4, np.float16), 3), (0., 0.)),
    refused('training.members.initial_parameters', lambda f: f(None), 'CurriculumConfig'),
    refused('training.members.initial_parameters', lambda f: f(C, -1), 'stage'),
    refused('training.members.CurriculumState', lambda f: f(C, 'cpu', params()), 'torch.device'),
    refused('training.members.CurriculumState', lambda f: f(C, CPU, {}), 'params must'),
    *(refused(f'training.members.{n}', lambda f: f(None), 'CurriculumState') for n in ('start_level', 'load_level', 'train_epoch', 'adam_by_name')),
    refused('training.members.train_epoch', lambda f: f(fresh(False)), 'start_level'),
    refused('training.members.pack_active', lambda f: f(fresh(), {}), 'params must'),
    refused('training.members.raw_kappa', lambda f: f(C, X[0], None), 'f must be'),
    refused('training.members.raw_kappa', lambda f: f(C, X, torch.ones(3, 2)), 'decode must be'),
    refused('training.members.logits', lambda f: f(C, params(), X, 99), 'classes'),
    refused('training.members.logits', lambda f: f(C, {}, X, 2), 'params must'),
    refused('training.members.train_step', lambda f: f(fresh(), X[:1], Y, torch.ones(8, 2)), 'x must be'),
    refused('training.members.keep_learning', lambda f: f(fresh(), [5]), 'keep'),
    refused('training.members.keep_learning', lambda f: f(fresh(), [0]), 'taken a step'),
    refused('training.members.accuracy', lambda f: f(C, params(), X[:,:0], Y[:,:0], 2), 'not empty'),
    refused('training.members.accuracy', lambda f: f(C, params(), X, Y, 2, 0), 'batch'),
    right('training.members.accuracy', lambda f: f(C, params(), X, Y, 1), torch.ones(2)),
    refused('training.members.accuracy_on_levels', lambda f: f(fresh(), 2), 'member'),
    refused('training.members.close_epoch', lambda f: f(fresh(), torch.ones(6, 3)), 'means must have shape (6, 2)'),
    refused('training.members.close_epoch', lambda f: f(fresh(), torch.full((6, 2), NAN)), 'means must be finite'),
    refused('training.members.finish_member', lambda f: f(fresh(), 0, 'bored'), 'reason must be one of'),
    refused('training.members.finish_member', lambda f: f(fresh(), 0, 'stable'), 'close_epoch'),
    *(refused(f'training.curriculum.{n}', lambda f, r=r: f(r), w) for n in ('check_runs', 'CurriculumMetrics') for r,w in (
        ([], 'at least one member'), (None, 'list'), ([None], 'list of level records'), ([[1]], 'must be a dict'), ([[record(emergent_kappa=NAN)]], 'emergent_kappa'),
        ([[record(accuracy_on_levels=[2.])]], 'accuracy_on_levels'), ([[record()], []], 'same number of levels'), ([[record(epochs='3')]], 'epochs'))),
    refused('training.curriculum.CurriculumMetrics', lambda f: f([[]]), 'at least one finished level'),
    refused('training.curriculum.CurriculumMetrics', lambda f: f([[record()]]).get_kappa_trajectory(member=1), 'member must be'),
    refused('training.curriculum.CurriculumMetrics', lambda f: f([[record()]]).table('kapa'), 'name must be', 'emergent_kappa'),
    refused('training.curriculum.writable_folder', lambda f: f(''), 'save_dir is empty'),
    refused('training.curriculum.writable_folder', lambda f: f(3), 'save_dir must be a path'),
    refused('training.curriculum.writable_folder', lambda f: f('/dev/null/x'), 'cannot be made'),
    refused('training.curriculum.fit_curriculum', lambda f: f(C, save_every=NAN), 'save_every'),
    refused('training.curriculum.fit_curriculum', lambda f: f(C, save_every=-1), 'save_every'),
    refused('training.curriculum.fit_curriculum', lambda f: f(C, observers=[3]), 'an observer must have the methods'),
    refused('training.curriculum.fit_curriculum', lambda f: f({}), 'CurriculumConfig'),
    right('training.curriculum.fit_curriculum', lambda f: f(C, observers=None).finished, True),
    refused('training.curriculum.begin', lambda f: f(C, None), 'files must be'),
    refused('training.curriculum.member_modules', lambda f: f(None), 'CurriculumState'),
    refused('training.curriculum.member_modules', lambda f: f(fresh(), 2), 'member must be'),
    right('training.curriculum.member_modules', lambda f: f(fresh(), np.int64(1))[1].weight.shape, (3, 8)),
    refused('training.curriculum.train_with_adaptive_curriculum', lambda f: f(sed=1), 'unknown setting sed'),
    refused('training.curriculum.train_with_adaptive_curriculum', lambda f: f(n_samples=NAN), 'n_samples'),
    right('training.curriculum.train_with_adaptive_curriculum', lambda f: len(f(1, 2, 2, 2, n_samples=16, n_validation=8, d_model=8, n_heads=2, seq_len=2, observers=())[2].levels), 2),
    refused('plots.curriculum.over_epochs', lambda f: f(metrics(), 'epoch_los'), 'name must be a metric'),
    refused('plots.curriculum.plot_level', lambda f: f({}), 'it lacks n_foci'),
    refused('plots.curriculum.over_epochs', lambda f: f(metrics(), None), 'name must be a metric'),
    right('plots.curriculum.over_epochs', lambda f: f(metrics(), 'epoch_beta')[1], [0, 2]),
    refused('plots.curriculum.plot_losses', lambda f: f(metrics(), 3), 'ax must be matplotlib Axes'),
    right('plots.curriculum.plot_losses', lambda f: len(f(metrics()).collections), 0),
    right('plots.curriculum.plot_kernel', lambda f: f(metrics()).get_yscale(), 'log'),
    right('plots.curriculum.plot_forgetting', lambda f: f(metrics()).images[0].get_array().shape, (2, 2)),
    refused('plots.curriculum.plot_levels_grid', lambda f: f([]), 'at least one level'),
    *(refused(f'plots.curriculum.{n}', lambda f: f(None), 'CurriculumMetrics') for n in ('plot_kappa_trajectory', 'plot_kappa_within_levels', 'plot_losses', 'plot_accuracy', 'plot_kernel', 'plot_forgetting', 'explore_levels')),
    right('models.zeta.attend', lambda f: f(Q, Q, Q, torch.ones(()), torch.ones(()), .5, None, lambda name, shape: torch.empty(shape))[0].shape, Q.shape),
    right('models.zeta.attend_backward', lambda f: steps_back(f), True),
    right('models.zeta.part_of', lambda f: f({'a.x': 1, 'b.x': 2}, 'a.'), {'x': 1}),
    right('models.zeta.stacked_linear', lambda f: f(X[0], torch.eye(8), torch.zeros(8)), X[0]),
    right('models.zeta.stacked_linear', lambda f: f(X, torch.eye(8).expand(2, 8, 8), torch.zeros(2, 8)), X),
    right('training.curriculum.CurriculumProgress', lambda f: f().start(fresh()), None),
    right('training.curriculum.finish_members', lambda f: finished(f), 1),
]
