"Speed of the basin classifier as ratios, both sides interleaved in one process, medians"
import statistics
import subprocess
import sys
import time

import torch
import torch.nn.functional as F

from geofractal_nb.core import generator
from geofractal_nb.geometry.simplex import class_anchors, make_simplices
from geofractal_nb.models.heads import simplex_terms


def plain_terms(q, V):
    "The straightforward way: cosine to every centroid, then the distance to every vertex"
    feature = q@F.normalize(V.mean(1), dim=-1).T
    distance = torch.cdist(q, V.reshape(-1, V.shape[-1])).view(len(q), *V.shape[:2])
    return feature,-distance.amin(-1)


def step(terms, q, V):
    "Forward and backward of both terms"
    q,V = q.detach().requires_grad_(),V.detach().requires_grad_()
    feature,crystal = terms(q, V)[:2]
    (feature.square().sum()+crystal.sum()).backward()


def ratio(f, g, repeats=15):
    "Median seconds of f and g, measured in turns"
    times = ([], [])
    for _ in range(repeats+2):
        for t,h in zip(times, (f, g)):
            t0 = time.perf_counter()
            h()
            t.append(time.perf_counter()-t0)
    return [statistics.median(t[2:]) for t in times]


def interpreter(code):
    "A function that runs `code` in a fresh interpreter"
    return lambda: subprocess.run([sys.executable, '-c', code], check=True)


if __name__=='__main__':
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads')
    for B,C,k,s in ((128, 700, 4, 256), (128, 700, 4, 512), (256, 1000, 5, 512)):
        g = generator(0, 'benchmark')
        q,V = F.normalize(torch.randn(B, s, generator=g), dim=-1),make_simplices(class_anchors(C, s, g), k, gen=g)
        ours,plain = ratio(lambda: step(simplex_terms, q, V), lambda: step(plain_terms, q, V))
        print(f'terms, batch {B}, {C} classes, k={k}, width {s}: {1000*ours:.1f} ms against {1000*plain:.1f} ms plain, ratio {ours/plain:.2f}')
    for name in ('geofractal_nb', 'geofractal_nb.models.david', 'geofractal_nb.training.basin'):
        ours,bare = ratio(interpreter(f'import torch, {name}'), interpreter('import torch'), repeats=9)
        print(f'import {name} adds {ours-bare:+.3f} s to import torch ({bare:.2f} s)')
