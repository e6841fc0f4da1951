"""One process of a training, started by torchrun: `distributed_job.py basin|tiny|differ|curriculum FOLDER RECORD`.

WORLD says how many processes there must be; KILL=rank,epoch,step ends one of them by SIGKILL at that moment. The first process
writes what it got to RECORD.
"""
import json
import os
import signal
import sys
from dataclasses import replace

import torch

from geofractal_nb.data.splits import EmbeddingData
from geofractal_nb.training.basin import BasinConfig
from geofractal_nb.training.distributed import Team, fit_curriculum_distributed, fit_distributed, process_rank, weights_digest
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.observers import Observer
from geofractal_nb.training.runs import RunFolder

BASIN = BasinConfig(scales=(16, 24), k=2, epochs=3, batch_size=67, separation_weight=.1, discretisation_weight=.1, geometry_weight=.1,
                    precision='fp32', device='cpu') # neither 67 rows a batch nor 31 and 45 to measure on can be shared evenly by 2 or 3
TINY = BasinConfig(scales=(8,), epochs=3, batch_size=2, terms=('feature', 'crystal'), coherence_weight=0., precision='fp32',
                   device='cpu') # fewer rows than 3 processes, and stairs without a gradient
CURRICULUM = CurriculumConfig(max_n_foci=2, epochs_per_level=4, stability_window=2, stability_threshold=.01, stability_slope=.05, n_samples=65,
                              n_validation=20, seq_len=4, d_model=8, n_heads=2, batch_size=16, members=3, device='cpu')


def rows(train=203, F=6, C=3):
    gen = torch.Generator().manual_seed(0)
    y = torch.arange(train+76)%C
    X = torch.randn(len(y), F, generator=gen)+1.5*torch.eye(F)[y]
    return EmbeddingData('toy', X, y, dict(zip(('train', 'validation', 'test'), torch.arange(len(y)).split([train, 31, 45]))))


class Kill(Observer):
    "Ends this process without a word where KILL says so"
    def start(self, state): self.count,self.at = 0,tuple(map(int, os.environ.get('KILL', '-1,0,0').split(',')))
    def step(self, state, loss):
        if (process_rank()[0], state.epoch, self.count)==self.at: os.kill(os.getpid(), signal.SIGKILL)
        self.count += 1
    def epoch(self, state): self.count = 0


def train(kind, folder, everywhere):
    if kind=='curriculum':
        state = fit_curriculum_distributed(CURRICULUM, folder, everywhere=everywhere, save_every=0.)
        return weights_digest(state.params),dict(runs=state.runs)
    config = TINY if kind=='tiny' else BASIN
    if kind=='differ': config = replace(config, seed=process_rank()[0])
    data = rows(7) if kind=='tiny' else rows()
    r = fit_distributed(config, data, RunFolder(folder, 'toy', 'run'), everywhere=everywhere)
    return weights_digest(r.model.state_dict()),dict(history=r.history, test=r.test, validation=r.validation, temperature=r.temperature)


def main(kind, folder, record):
    rank,size = process_rank()
    assert size==int(os.environ['WORLD'])
    digest,found = train(kind, folder, [Kill()])
    team = Team('cpu')
    assert team.size==size and (size==1 or team.by.num_processes==size)
    found['weights'] = team.collect(digest)
    if rank==0:
        with open(record, 'w') as f: json.dump(found, f)


if __name__=='__main__': main(*sys.argv[1:])
