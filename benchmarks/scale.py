"""One epoch at growing numbers of rows, up to the published problem: seconds, rows per second, memory

    python benchmarks/scale.py                               a table, and a figure with --figure FILE
    python benchmarks/scale.py --rows 10000 --steps 2        something smaller

Rows are synthetic, of 1000 classes, streamed to a store on disk and mapped. Every number of rows is a process of its
own. Memory is what the process holds itself at its peak; pages of the mapped file belong to the system's cache.
"""
import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import torch

from geofractal_nb.data.splits import EmbeddingData
from geofractal_nb.data.synthetic import clip_like
from geofractal_nb.training.basin import BasinConfig, evaluate, fresh_state, train_basin_epoch
from geofractal_nb.training.observers import Observer

PUBLISHED,CLASSES,WIDTH = 1_281_167,1000,512
HEADLINE = dict(k=12, scales=(384, 512, 768, 1024, 1280), batch_size=1024, start='random')


def held(): # Memory of this process without pages of files, MB
    text = Path('/proc/self/status').read_text()
    return int(re.search(r'RssAnon:\s+(\d+)', text)[1])/1024


class Watch(Observer):
    "Peak memory and the time of every step; ends an epoch early by raising StopIteration"
    def __init__(self, steps=None): self.peak,self.times,self.steps = held(),[time.perf_counter()],steps

    def step(self, state, loss):
        self.times.append(time.perf_counter())
        if len(self.times)%50==0 or self.steps: self.peak = max(self.peak, held())
        if self.steps and len(self.times)>self.steps: raise StopIteration


def rows_of(n, folder):
    "Synthetic rows as a data set: one in 101 validates, one tests; and seconds to draw them"
    t0 = time.perf_counter()
    X,y,_ = clip_like(CLASSES, -(-n//CLASSES), WIDTH, folder=folder)
    seconds,rows = time.perf_counter()-t0,torch.arange(n)
    part = rows%101
    splits = dict(train=rows[part>1], validation=rows[part==0], test=rows[part==1])
    return EmbeddingData('clip_like', X, y, splits),seconds


def one_epoch(n, folder):
    "One epoch of the default model"
    data,drawing = rows_of(n, folder)
    t0 = time.perf_counter()
    state = fresh_state(BasinConfig(epochs=1), data)
    t1,watch = time.perf_counter(),Watch()
    train_basin_epoch(state, data, [watch])
    t2 = time.perf_counter()
    top1 = dict(evaluate(state.model, data, 'validation', state.loss.temperature.item()))['top1']
    t3,trained = time.perf_counter(),len(data.splits['train'])
    return dict(rows=n, drawing=drawing, start=t1-t0, epoch=t2-t1, evaluation=t3-t2, rate=trained/(t2-t1),
                memory=max(watch.peak, held()), top1=top1)


def headline(n, folder, steps):
    "Some steps of the source's headline shape, after one to warm up"
    data,_ = rows_of(n, folder)
    state,watch = fresh_state(BasinConfig(epochs=1, **HEADLINE), data),Watch(steps+1)
    try: train_basin_epoch(state, data, [watch])
    except StopIteration: pass
    times = torch.tensor(watch.times).diff()[1:]
    step = times.median().item()
    return dict(rows=n, step=step, steps=len(times), epoch=step*state.steps_per_epoch, rate=HEADLINE['batch_size']/step,
                memory=max(watch.peak, held()))


def child(**what):
    "The measurement of a process of its own"
    args = [f'--{k}={v}' for k,v in what.items()]
    out = subprocess.run([sys.executable, __file__, *args], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(out.stdout.splitlines()[-1])


def draw(found, path):
    "Seconds and memory over rows"
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt
    fig,axes = plt.subplots(1, 2, figsize=(7, 2.8), dpi=110, layout='constrained')
    for ax,what,label in zip(axes, ('epoch', 'memory'), ('seconds of one epoch', 'memory held, MB')):
        ax.plot([r['rows'] for r in found], [r[what] for r in found], 'o-')
        ax.set(xscale='log', xlabel='rows', ylabel=label)
        ax.set_ylim(bottom=0) if what=='memory' else ax.set_yscale('log')
    fig.savefig(path)
    plt.close(fig)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', type=int, nargs='+', default=[10_000, 100_000, PUBLISHED])
    parser.add_argument('--steps', type=int, default=8, help='steps of the headline shape')
    parser.add_argument('--folder', help='where the rows are kept, by default the cache')
    parser.add_argument('--figure', help='also draw to this file')
    parser.add_argument('--json', help='also write the numbers to this file')
    parser.add_argument('--one', choices=('epoch', 'headline'), help='measure in this process, print JSON')
    args = parser.parse_args()
    if args.one:
        n = args.rows[0]
        return print(json.dumps(one_epoch(n, args.folder) if args.one=='epoch' else headline(n, args.folder, args.steps)))
    folder = dict(folder=args.folder) if args.folder else {}
    print(f"{'rows':>9} {'drawn, s':>9} {'start, s':>9} {'epoch, s':>9} {'rows/s':>9} {'held, MB':>9} {'top-1':>6}")
    found = []
    for n in args.rows:
        found.append(r := child(one='epoch', rows=n, **folder))
        print(f"{n:9,} {r['drawing']:9.1f} {r['start']:9.1f} {r['epoch']:9.1f} {r['rate']:9.0f} {r['memory']:9.0f} {r['top1']:6.3f}",
              flush=True)
    large = child(one='headline', rows=max(args.rows), steps=args.steps, **folder)
    print(f"headline shape: {large['step']:.2f} s a step of {HEADLINE['batch_size']} rows (median of {large['steps']}), so an epoch of "
          f"{large['rows']:,} rows would take {large['epoch']/60:.0f} minutes; {large['memory']:.0f} MB held")
    if args.figure: draw(found, args.figure)
    if args.json: Path(args.json).write_text(json.dumps(dict(epochs=found, headline=large, threads=torch.get_num_threads())))


if __name__=='__main__': main()
