"""One training step at the source's headline shape against the source's plain arithmetic

Both sides share data, projections and loss, and take turns in one process; medians. Peak memory is that of a
process of its own for each side.
"""
import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F

from geofractal_nb.core import generator
from geofractal_nb.geometry.simplex import class_anchors, make_simplices
from geofractal_nb.losses import ContrastiveBasinLoss
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.models.heads import SimplexHead, cantor_term
from geofractal_nb.training.basin import BasinConfig, build_optimizer
from timing import medians

SCALES,C,K,B,WIDTH = (384, 512, 768, 1024, 1280),1000,12,1024,512


class PlainHead(SimplexHead):
    "The source's way: a product with the centroids, then the distance to every vertex"
    def terms(self, features, values):
        q,V = self.query(features),self.class_prototypes
        feature = q@F.normalize(V.mean(1), dim=-1).T
        distance = torch.cdist(q, V.reshape(-1, V.shape[-1])).view(len(q), *V.shape[:2])
        near = distance.min(-1)
        return feature,cantor_term(values, self.cantor_prototypes),-near.values,near.indices

    def forward(self, features, values):
        return sum(w*t for w,t in zip(self.mix(), self.terms(features, values)))


def model_of(kind):
    "The model of the headline, with a trained model's spread of vertices around class anchors"
    model = GeoFractalDavid(WIDTH, C, K, SCALES)
    if kind=='plain':
        for head in model.heads.values(): head.__class__ = PlainHead
    return model


def stepper(kind, precision='fp32'):
    "A function that takes one step: ours with the library's optimizer, plain with AdamW as it comes"
    model,loss = model_of(kind),ContrastiveBasinLoss()
    params = [*model.parameters(), *loss.parameters()]
    opt = torch.optim.AdamW(params, lr=1e-3) if kind=='plain' else \
        build_optimizer(BasinConfig(k=K, scales=SCALES, mix_lr=1.), model, loss)
    g = generator(0, 'headline')
    x,y = torch.randn(B, WIDTH, generator=g),torch.randint(0, C, (B,), generator=g)
    def step():
        opt.zero_grad()
        with torch.autocast('cpu', torch.bfloat16, enabled=precision=='bf16'): total,_ = loss(model, x, y)
        total.backward()
        torch.nn.utils.clip_grad_norm_(params, 1.)
        opt.step()
    return step


def products(): # Floating-point operations of a step that only the dense products need, forward and backward
    vertices = sum(2*B*C*(K+1)*s for s in SCALES)
    projection = sum(2*B*(WIDTH*2*s+2*s*s) for s in SCALES)
    return 3*(vertices+projection)


def peak(n=2048, repeats=5):
    "Largest rate of a square matrix product, operations per second"
    a,times = torch.randn(n, n, generator=generator(0, 'peak')),[]
    for _ in range(repeats):
        t0 = time.perf_counter()
        a@a
        times.append(time.perf_counter()-t0)
    return 2*n**3/min(times)


def memory(kind):
    "Peak resident memory of a process that takes three steps, MB"
    out = subprocess.run([sys.executable, __file__, '--memory', kind], check=True, capture_output=True, text=True)
    return float(out.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--memory', choices=('ours', 'plain'), help='take three steps, print the peak memory, stop')
    parser.add_argument('--repeats', type=int, default=3)
    args = parser.parse_args()
    if args.memory:
        step = stepper(args.memory)
        for _ in range(3): step()
        return print(int(re.search(r'VmHWM:\s+(\d+)', Path('/proc/self/status').read_text())[1])/1024)
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, {C} classes, k={K}, scales {SCALES}, batch {B}')
    t = medians(args.repeats, plain=stepper('plain'), ours=stepper('ours'), bf16=stepper('ours', 'bf16'))
    rate = peak()
    print(f'largest rate of a matrix product: {rate/1e9:.0f} GFLOP/s; the dense products of a step: {products()/1e9:.0f} GFLOP')
    for n,s in t.items():
        share = f", {products()/s/rate:.0%} of the rate if all were computed" if n!='bf16' else ''
        print(f"{n:>5}: {s:6.2f} s a step, {t['plain']/s:5.2f} times as fast as plain{share}")
    ours,plain = memory('ours'),memory('plain')
    held = 4*sum(p.numel() for p in model_of('ours').parameters())*4/2**20
    print(f'peak memory: {ours:.0f} MB against {plain:.0f} MB plain, {ours/plain:.0%}; weights, gradients and both moments '
          f'of the optimiser are {held:.0f} MB of either')
    t0 = time.perf_counter()
    for s in SCALES: make_simplices(class_anchors(C, s, generator(0, s)), K, gen=generator(1, s))
    print(f'{len(SCALES)*C*(K+1):,} vertices: {time.perf_counter()-t0:.2f} s')


if __name__=='__main__': main()
