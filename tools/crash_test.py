"""Kills runs at every kind of moment, resumes them, compares what is left with an undisturbed run.

    python tools/crash_test.py --kills 200 --seed 0
    python tools/crash_test.py --every # once at each and every operation on files, some minutes

Every run is a fork of this process, which has imported everything once. Five kinds of SIGKILL:

    step     at a random step of the training, or batch of the encoder
    time     at a random instant of the run
    before   just before a random operation on files: open to write, replace, unlink, mkdir, fsync
    after    just after it
    torn     in the middle of writing a file: the first half is there

Exits with 1 if any run did not resume to the same tensors, numbers and files, and no others.
"""
import argparse
import builtins
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
os.environ['OMP_NUM_THREADS'] = '1'
os.environ['GEOFRACTAL_HEADLESS'] = '1'

import numpy as np
import scipy.optimize  # noqa: F401, imported when first used, here once for all forks
import torch
import torch._dynamo

from geofractal_nb import storage
from geofractal_nb.training.checkpoints import load_checkpoint
from geofractal_nb.data.splits import EmbeddingData, make_splits
from geofractal_nb.data.store import cached_store
from geofractal_nb.data.text import embed_texts
from geofractal_nb.training.basin import BasinConfig, fit
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.observers import Observer
from geofractal_nb.training.runs import RunFolder

KINDS = ('step', 'time', 'before', 'after', 'torn')
LIMIT = 60 # seconds after which a run counts as hanging


def die(): os.kill(os.getpid(), signal.SIGKILL)


class Steps(Observer):
    "Counts steps and dies at one of them"
    def __init__(self, at): self.count,self.at = 0,at
    def step(self, state=None, loss=None):
        self.count += 1
        if self.count==self.at: die()


def toy():
    "Three separable classes"
    y = torch.arange(240)%3
    X = torch.randn(240, 8, generator=torch.Generator().manual_seed(0))+4*torch.eye(8)[y]
    return EmbeddingData('toy', X, y, make_splits(y, 0))


class Encoder:
    "Texts to vectors that depend on the text alone"
    width,batch_size = 8,16
    def __init__(self, steps): self.steps = steps
    def __call__(self, texts):
        self.steps.step()
        rows = [torch.randn(8, generator=torch.Generator().manual_seed(sum(t.encode())))
                for t in texts]
        return torch.stack(rows)


DATA = toy()
PAIRS = [(f'class {i%5}', f'text number {i}') for i in range(200)]
BASIN = BasinConfig(k=2, scales=(8, 12), epochs=4, batch_size=32, device='cpu')
LEVELS = CurriculumConfig(max_n_foci=3, epochs_per_level=4, stability_window=3, stability_slope=.02,
                          n_samples=64,
                          n_validation=16, seq_len=4, members=2, d_model=8, n_heads=2, device='cpu')


def classifier(folder, steps, rare): fit(BASIN, DATA, RunFolder(folder, 'm', 'r'), [steps])
def curriculum(folder, steps, rare): fit_curriculum(LEVELS, folder/'c', [steps], save_every=1e9
                                                    if rare else 0)
def store(folder, steps, rare):
    path = folder/'texts.safetensors'
    cached_store(path, lambda: embed_texts(path, PAIRS, Encoder(steps)))


WORKLOADS = dict(classifier=classifier, curriculum=curriculum, store=store)


class Operations:
    "Counts operations on files in this process and dies at one of them"
    def __init__(self, kind='', at=0):
        self.kind,self.at,self.count = kind,at,Counter()
        for module,name in ((os, 'replace'), (os, 'rename'), (os, 'unlink'), (os, 'mkdir'),
                            (os, 'fsync'), (np.memmap, 'flush'),
                            (storage, 'save_file')): self.watch(module, name)
        for module in (builtins, io): self.watch(module, 'open', lambda file, mode='r', *a,
                                                 **k: set(mode) & set('wax+'))
        self.watch(os, 'open', lambda path, flags, *a, **k: flags & (os.O_WRONLY | os.O_RDWR))
        self.tear(storage, 'save_file', lambda tensors, path, **k: path)
        self.tear(pathlib.Path, 'write_bytes', lambda path, data: path)

    def turn(self, kind):
        self.count[kind] += 1
        return self.kind==kind and self.count[kind]==self.at

    def watch(self, owner, name, counts=lambda *a, **k: True):
        real = getattr(owner, name)
        def watched(*a, **k):
            if not counts(*a, **k): return real(*a, **k)
            if self.turn('before'): die()
            out = real(*a, **k)
            if self.turn('after'): die()
            return out
        setattr(owner, name, watched)

    def tear(self, owner, name, path_of):
        real = getattr(owner, name)
        def torn(*a, **k):
            mine = self.turn('torn')
            out = real(*a, **k)
            if mine:
                os.truncate(path_of(*a, **k), os.path.getsize(path_of(*a, **k))//2)
                die()
            return out
        setattr(owner, name, torn)


def launch(work, folder, kind='', at=0, rare=False, counts=None):
    "Fork a run; its process id"
    pid = os.fork()
    if pid: return pid
    code = 3
    try:
        steps,operations = Steps(at if kind=='step' else -1),Operations(kind, at)
        WORKLOADS[work](folder, steps, rare)
        if counts: counts.write_text(json.dumps({**operations.count, 'step': steps.count}))
        code = 0
    except BaseException as e: print(f'{work}, {kind} {at}: {type(e).__name__}: {e}',
                                     file=sys.stderr, flush=True)
    finally: os._exit(code)


def wait(pid, seconds=None):
    "How a run ended: 'killed', 'done', 'failed' or 'hanging'; killed by us after some seconds"
    end,ours = time.monotonic()+(LIMIT if seconds is None else seconds),seconds is not None
    while time.monotonic()<end:
        got,status = os.waitpid(pid, os.WNOHANG)
        if got: break
        time.sleep(.001)
    else:
        os.kill(pid, signal.SIGKILL)
        status = os.waitpid(pid, 0)[1]
        if not ours: return 'hanging'
    if os.WIFSIGNALED(status): return 'killed'
    return 'done' if os.WEXITSTATUS(status)==0 else 'failed'


def plain(value):
    "Values without what an undisturbed run does not repeat either: durations and the time of day"
    if isinstance(value, dict): return {n: plain(v) for n,v in value.items()
                                        if n not in ('seconds', 'timestamp')}
    if isinstance(value, (list, tuple)): return [plain(v) for v in value]
    return (str(value.dtype), value.tolist()) if torch.is_tensor(value) else value


def content(path):
    "What a file holds, exactly"
    if path.suffix=='.safetensors': return plain(storage.load_tensors(path))
    if path.suffix=='.json': return plain(storage.load_json(path))
    if path.suffix=='.pt': return plain(load_checkpoint(path))
    return path.read_bytes()


# What safetensors writes first and then renames: a kill in between leaves it, and nothing reads it
UNDER_WAY = re.compile(r'\.tmp[A-Za-z0-9]{6}')

def left_behind(folder):
    "Files and their contents"
    return {str(p.relative_to(folder)): content(p) for p in sorted(folder.rglob('*'))
            if p.is_file() and not UNDER_WAY.fullmatch(p.name)}


def differences(folder, wanted):
    "What differs from an undisturbed run, in words"
    try: got = left_behind(folder)
    except ValueError as e: return str(e)
    named = [*(f'{n} is missing' for n in wanted.keys()-got.keys()),
             *(f'{n} was left behind' for n in got.keys()-wanted.keys())]
    return '; '.join(named + [f'{n} differs' for n in wanted.keys() & got.keys()
                              if wanted[n]!=got[n]])


def undisturbed(work, base):
    "Files of a whole run, its counts of everything, its duration"
    folder,counts = base/f'{work}-whole',base/f'{work}.counts'
    folder.mkdir()
    begin = time.monotonic()
    how = wait(launch(work, folder, counts=counts))
    if how!='done': sys.exit(f'the undisturbed {work} is {how}')
    return left_behind(folder),json.loads(counts.read_text()),time.monotonic()-begin


def moments(kind, counts, rng):
    "A random moment to be killed at, sometimes more for the runs that resume"
    return [rng.randint(1, max(1, counts.get(kind, 1))) for _ in range(rng.choice((1, 1, 2, 3)))]


def trial(work, kind, folder, rng, whole, ats):
    "Kill a run at each of some moments, then let it finish: kills that happened, and what is wrong"
    wanted,_,seconds = whole
    kills = 0
    for at in ats:
        rare = rng.random()<.3
        how = wait(launch(work, folder, kind, at, rare), rng.random()*seconds if kind=='time'
                   else None)
        if how in ('failed', 'hanging'): return kills,f'{how} at {kind} {at}'
        kills += how=='killed'
        if how=='done': break
    how = wait(launch(work, folder))
    if how!='done': return kills,f'{how} when resumed after {kind} {at}'
    return kills,differences(folder, wanted)


def main(argv=None):
    "Kill and compare until there were enough kills; the number of runs that went wrong"
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kills', type=int, default=200,
                        help='at least so many, over all workloads')
    parser.add_argument('--seed', type=int, default=0, help='of the moments')
    parser.add_argument('--every', action='store_true', help='at each operation on files, once')
    parser.add_argument('--workloads', nargs='+', choices=list(WORKLOADS), default=list(WORKLOADS))
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    rng,base,table = random.Random(args.seed),Path(tempfile.mkdtemp(prefix='crash')),{}
    pairs = [(w, k) for k in (KINDS[2:] if args.every else KINDS) for w in args.workloads]
    share,wrong = -(-args.kills//len(pairs)),[]
    try:
        whole = {w: undisturbed(w, base) for w in args.workloads}
        for work,kind in pairs:
            row = table[work, kind] = Counter()
            counts = whole[work][1]
            plans = [[n+1] for n in range(counts[kind])] if args.every else (moments(kind, counts,
                    rng) for _ in range(4*share))
            for i,ats in enumerate(plans):
                if row['kills']>=share and not args.every: break
                folder = base/f'{work}-{kind}-{i}'
                folder.mkdir()
                kills,fault = trial(work, kind, folder, rng, whole[work], ats)
                row.update(kills=kills, resumed=kills>0 and 'when resumed' not in fault,
                           identical=kills>0 and not fault, runs=kills>0)
                if fault: wrong.append(f'{work}, {kind}: {fault}')
                shutil.rmtree(folder)
    finally: shutil.rmtree(base, ignore_errors=True)
    print(f"{'workload':<12}{'kind':<8}{'kills':>6}{'runs':>6}{'resumed':>9}{'identical':>11}")
    line = lambda r: f"{r['kills']:>6}{r['runs']:>6}{r['resumed']:>9}{r['identical']:>11}"
    for (work,kind),r in table.items(): print(f'{work:<12}{kind:<8}{line(r)}')
    print(f"{'all':<20}{line(sum(table.values(), Counter()))}")
    for line in wrong: print(line)
    return len(wrong)


if __name__=='__main__': sys.exit(1 if main() else 0)
