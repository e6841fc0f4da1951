"Cost of the kernel classifier: against a plain loop, and against the number of points"
import argparse
import resource
import time

import numpy as np
import torch

from geofractal_nb.cgd import METHODS, fit_cgd
from geofractal_nb.core import generator
from geofractal_nb.data.polylipse import sample_points
from geofractal_nb.geometry.foci import solve_focal_config
from timing import medians

SIGMA,T,W,ETA = .5,.5,.5,1e-2


def polylipse(n, n_foci=8):
    config = solve_focal_config(n_foci, 1.5)
    points,focus = sample_points(*config, (n,), generator(0, 'benchmark'))
    return points.numpy(),focus.numpy()


def axes_of(X, size=220):
    return [np.linspace(x.min()-.5, x.max()+.5, size) for x in X.T]


def kernel(query, points):
    "All kernel values as the source computes them, rows normalised"
    d = torch.cdist(query, points)
    G,P = torch.exp(-d**2/(2*SIGMA**2)),1/(d**2+T**2)
    return W*G/G.sum(1, keepdim=True)+(1-W)*P/P.sum(1, keepdim=True)


def plain(X, y, size=220, tol=1e-8, steps=2000):
    "One class against the rest by plain conjugate gradients, then its scores on the grid"
    points = torch.from_numpy(X)
    S,Y = kernel(points, points),torch.where(torch.from_numpy(y)==0, 1., -1.).double()
    b = S.T@Y
    f,r,p,rr = torch.zeros_like(b),b.clone(),b.clone(),b@b
    for _ in range(steps):
        if rr**.5<=tol*b.norm(): break
        Ap = S.T@(S@p)+ETA*p
        a = rr/(p@Ap)
        f,r = f+a*p,r-a*Ap
        p,rr = r+(r@r)/rr*p,r@r
    places = np.stack(np.meshgrid(*axes_of(X, size)), -1).reshape(-1, 2)
    return (kernel(torch.from_numpy(places), points)@f).view(size, size).numpy()


def ours(X, y, size=220, method='auto'):
    "All classes, fitted and on the grid"
    return fit_cgd(X, y, SIGMA, T, W, ETA, method).scores_on_grid(*axes_of(X, size))


def cost(ns, repeats=3):
    "Seconds to fit and draw against the number of points"
    rows = {n: {} for n in ns}
    for n in ns:
        X,y = polylipse(n)
        runs = {m: lambda m=m: ours(X, y, method=m) for m in METHODS[1:]
                if m=='matrix-free' or n<=6400}
        if n<=1600: runs['plain loop, one class'] = lambda: plain(X, y)
        rows[n] = medians(repeats, **runs)
        print(f'{n} points:', ', '.join(f'{m} {1000*s:.0f} ms' for m,s in rows[n].items()))
    return rows


def picture(rows, path):
    import matplotlib.pyplot as plt
    fig,ax = plt.subplots(figsize=(6.5, 3), dpi=100, layout='constrained')
    for name in dict.fromkeys(m for r in rows.values() for m in r):
        ns = [n for n,r in rows.items() if name in r]
        ax.plot(ns, [rows[n][name] for n in ns], '.-', label=name)
    ax.set(xscale='log', yscale='log', xlabel='points', ylabel='seconds to fit and draw')
    ax.legend(frameon=False, fontsize=8, loc='center left', bbox_to_anchor=(1, .5))
    fig.savefig(path)


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--many', action='store_true',
                   help='only fit and draw 100,000 points, with the peak memory of the process')
    p.add_argument('--cost', metavar='PNG',
                   help='also draw the cost against the number of points (minutes)')
    args = p.parse_args()
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, 8 foci, grid 220 x 220')
    if args.many:
        X,y = polylipse(100_000)
        t0 = time.perf_counter()
        model = fit_cgd(X, y, SIGMA, T, W, ETA)
        t1 = time.perf_counter()
        model.scores_on_grid(*axes_of(X))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss/2**20
        print(f'{model}: fit {t1-t0:.1f} s, grid {time.perf_counter()-t1:.1f} s, '
              f'peak memory {peak:.2f} GiB')
    else:
        X,y = polylipse(800)
        assert np.abs(ours(X, y)[0]-plain(X, y)).max()<1e-4
        t = medians(5, plain=lambda: plain(X, y), ours=lambda: ours(X, y))
        print(f"800 points: the plain loop takes {1000*t['plain']:.0f} ms for one class, all eight "
              f"take {1000*t['ours']:.0f} ms: {t['plain']/t['ours']:.0f} times as fast")
        if args.cost: picture(cost([200*2**i for i in range(8)]), args.cost)
