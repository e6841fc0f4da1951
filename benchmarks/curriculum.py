"Speed of the curriculum as ratios, both sides interleaved in one process, medians"
import argparse
import statistics
import time

import numpy as np
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset

from geofractal_nb.data.polylipse import make_polylipse_dataset
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig
from geofractal_nb.training.members import CurriculumState, initial_parameters, start_level, train_epoch


class Rows(Dataset):
    "One sample at a time, as the source reads its data"
    def __init__(self, X, y, mask): self.X,self.y,self.mask = X,y,mask
    def __len__(self): return len(self.X)
    def __getitem__(self, i): return self.X[i],self.y[i],self.mask[i]


class PlainBlock(torch.nn.Module):
    "The block as one would first write it"
    def __init__(self, D, H):
        super().__init__()
        self.H = H
        self.W_Q,self.W_K,self.W_V,self.W_O = (torch.nn.Linear(D, D) for _ in range(4))
        self.beta,self.t,self.norm = torch.nn.Parameter(torch.ones(H)),torch.nn.Parameter(torch.ones(H)),torch.nn.LayerNorm(D)

    def forward(self, x):
        B,N,D = x.shape
        q,k,v = (W(x).view(B, N, self.H, D//self.H).transpose(1, 2) for W in (self.W_Q, self.W_K, self.W_V))
        S = torch.matmul(q, k.transpose(-2, -1))/(D//self.H)**.5
        G = torch.softmax(S, -1)
        P = 1/((1+S.abs()/self.beta.view(1, -1, 1, 1))**2+self.t.view(1, -1, 1, 1)**2)
        P = P/P.sum(-1, keepdim=True)
        f = .5*torch.matmul(G, v)+.5*torch.matmul(P, v)
        f = f.transpose(1, 2).reshape(B, N, D)
        return x+self.norm(self.W_O(f)),f


def numpy_kappa(f):
    "Log-eigenvalues of the mean covariance, tilted variance, outside of torch"
    C = (f.transpose(1, 2)@f/f.shape[1]).mean(0).numpy()
    l = np.log(np.clip(np.linalg.eigvalsh(C), 1e-12, None))
    w = np.exp(-.5*(l-l.max()))
    w /= w.sum()
    return float((w*(l-(w*l).sum())**2).sum())


class Plain:
    "The source's loop: DataLoader with per-sample collation, per-parameter Adam, eigenvalues of every batch in numpy"
    def __init__(self, X, y, mask, c):
        self.block,self.head = PlainBlock(c.d_model, c.n_heads),torch.nn.Linear(c.d_model, int(y.max())+1)
        self.opt = torch.optim.Adam([*self.block.parameters(), *self.head.parameters()], lr=c.lr, foreach=False)
        self.loader,self.c,self.offset,self.local = DataLoader(Rows(X, y, mask), c.batch_size, shuffle=True),c,None,None

    def epoch(self):
        for x,y,mask in self.loader:
            out,f = self.block(x)
            loss = F.cross_entropy(self.head(out).flatten(0, 1), y.flatten())+.5*(f**2).mean()
            self.opt.zero_grad()
            loss.backward()
            self.opt.step()
            raw = numpy_kappa(f.detach())
            self.offset = raw if self.offset is None else .99*self.offset+.01*raw
            self.local = raw-self.offset if self.local is None else .9*self.local+.1*(raw-self.offset)
            with torch.no_grad():
                step = self.c.kappa_strength*np.tanh(self.local)/self.c.d_model**.5
                self.block.beta.mul_(1+step).clamp_(.01, 10)
                self.block.t.mul_(1-step).clamp_(.01, 10)
            loss.item()


class Ours:
    "One level of the curriculum's own loop, step by step"
    def __init__(self, **settings):
        self.c = CurriculumConfig(levels=(5,), n_validation=16, policy='fixed', device='cpu', **settings)
        self.state = CurriculumState(self.c, torch.device('cpu'), initial_parameters(self.c), runs=[[] for _ in range(self.c.members)])
        start_level(self.state)

    def epoch(self):
        train_epoch(self.state)


def compare(sides, repeats):
    "Median milliseconds per step of every side, measured in turns"
    times = {n: [] for n in sides}
    for _ in range(repeats+1):
        for n,(epoch,steps) in sides.items():
            t0 = time.perf_counter()
            epoch()
            times[n].append((time.perf_counter()-t0)/steps)
    return {n: 1000*statistics.median(t[1:]) for n,t in times.items()}


if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument('--whole', action='store_true', help='also train whole curricula of 32 levels (minutes)')
    args = p.parse_args()
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads; d_model 32, 4 heads, batch 64, kappa at every step')
    for N,goal in ((1, 3), (16, 6)):
        n = 64*(20 if N==1 else 6)
        one,many = (Ours(seq_len=N, task='focus', n_samples=n, members=E) for E in (1, 16))
        spectral = Ours(seq_len=N, task='focus', n_samples=n, estimator='spectral', baseline=0., kappa_dtype='float32')
        plain = Plain(*make_polylipse_dataset(5, 1., n, seq_len=N), one.c)
        t = compare({k: (s.epoch, n//64) for k,s in dict(plain=plain, one=one, spectral=spectral, many=many).items()}, 15)
        print(f"{N} tokens: a step takes {t['one']:.2f} ms (spectral kappa {t['spectral']:.2f}), the plain loop {t['plain']:.2f}: ratio {t['one']/t['plain']:.2f} (spectral {t['spectral']/t['plain']:.2f})")
        print(f"{N} tokens: 16 members take {t['many']:.2f} ms, {t['many']/t['one']:.2f} times one member (goal {goal})")
    if args.whole:
        for N in (1, 16):
            t0 = time.perf_counter()
            s = fit_curriculum(CurriculumConfig(max_n_foci=32, seq_len=N, task='focus', stability_threshold=0., device='cpu'))
            print(f"{N} tokens: 32 levels of 100 epochs and 2000 samples take {(time.perf_counter()-t0)/60:.1f} minutes")
