"""On PYTHONPATH, with GEOFRACTAL_TEST_SEED=n, every seed of torch and numpy moves by n*1000003.

The library and its tests stay as they are; what holds for one draw alone shows itself.
"""
import os

if offset := 1_000_003*int(os.environ.get('GEOFRACTAL_TEST_SEED') or 0):
    import numpy as np
    import torch

    def moved(seed, bits=63):
        return (int(seed)+offset)%2**bits if isinstance(seed, (int, np.integer)) else seed

    class Alike(type(torch.Generator)):
        "isinstance answers as for the class that is replaced"
        def __instancecheck__(cls, x): return isinstance(x, cls.__base__)

    class Generator(torch.Generator, metaclass=Alike):
        def manual_seed(self, seed): return super().manual_seed(moved(seed))

    class RandomState(np.random.RandomState, metaclass=Alike):
        def __init__(self, seed=None): super().__init__(moved(seed, 32))

    manual_seed,default_rng = torch.manual_seed,np.random.default_rng
    torch.Generator,np.random.RandomState = Generator,RandomState
    torch.manual_seed = torch.random.manual_seed = lambda seed: manual_seed(moved(seed))
    np.random.default_rng = lambda seed=None: default_rng(moved(seed))
