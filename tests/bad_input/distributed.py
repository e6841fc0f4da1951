"Training by several processes, as one that is alone sees it"
import torch

from bad_input import refused, right
from geofractal_nb.losses import ContrastiveBasinLoss
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.training.distributed import SharedRows, Team
from geofractal_nb.training.levels import CurriculumConfig

QUICK = CurriculumConfig(max_n_foci=1)
MODEL = GeoFractalDavid(4, 2, k=2, scales=(4,))


class Rows:
    splits = {'train': torch.arange(3)}
    def batch(self, rows): return torch.ones(len(rows), 4),rows%2


def entered(context):
    with context as found: return found


ROWS = [
    right('training.distributed.shard', lambda f: [f('abcde', r, 3) for r in range(3)], ['ab', 'cd', 'e']),
    right('training.distributed.shard', lambda f: f([], 1, 2), []),
    refused('training.distributed.shard', lambda f: f([1], 0, 0), 'size', '>= 1'),
    refused('training.distributed.shard', lambda f: f([1], -1, 2), 'rank', '>= 0 and <= 1'),
    refused('training.distributed.shard', lambda f: f(7, 0, 2), 'rows must be a sequence', '7'),
    right('training.distributed.process_rank', lambda f: f(), (0, 1)),
    refused('training.distributed.Team', lambda f: f('tpu9'), 'device', "'tpu9'"),
    right('training.distributed.Team', lambda f: f('cpu').collect(3), [3]),
    right('training.distributed.Team', lambda f: f('cpu').sum(torch.ones(2)), torch.ones(2)),
    refused('training.distributed.SharedRows', lambda f: f(Rows(), None), 'team must be a Team', 'None'),
    refused('training.distributed.SharedRows', lambda f: f([1], Team('cpu')), 'data must have splits'),
    right('training.distributed.SharedRows', lambda f: f(Rows(), Team('cpu')).batch(torch.arange(3))[1], torch.tensor([0, 1, 0])),
    refused('training.distributed.shared_loss', lambda f: entered(f(None, [], SharedRows(Rows(), Team('cpu')))), 'loss must be a module', 'None'),
    refused('training.distributed.shared_loss', lambda f: entered(f(ContrastiveBasinLoss(), [], Rows())), 'rows SharedRows'),
    refused('training.distributed.shared_forward', lambda f: entered(f(MODEL, 2)), 'team a Team', '2'),
    right('training.distributed.shared_forward', lambda f: entered(f(MODEL, Team('cpu'))) is MODEL, True),
    refused('training.distributed.weights_digest', lambda f: f([1]), 'tensors must be tensors by name'),
    right('training.distributed.weights_digest', lambda f: f({})==f({'a': torch.ones(0)}), True),
    refused('training.distributed.fit_distributed', lambda f: f({}, None), 'config must be a BasinConfig', '{}'),
    refused('training.distributed.fit_curriculum_distributed', lambda f: f({}), 'config must be a CurriculumConfig', '{}'),
    refused('training.distributed.fit_curriculum_distributed', lambda f: f(QUICK, save_every=-1), 'save_every', '>= 0'),
    refused('training.curriculum.open_files', lambda f: f(None), 'config must be a CurriculumConfig'),
    refused('training.curriculum.open_files', lambda f: f(QUICK, ''), 'save_dir is empty'),
    right('training.curriculum.open_files', lambda f, d: f(QUICK, d/'run').folder.name, 'run'),
    refused('runner.run_beside', lambda f: f('no_such_notebook'), 'unknown experiment'),
    refused('runner.run_beside', lambda f: f('train_basin', no_such_setting=1), 'no_such_setting'),
]
