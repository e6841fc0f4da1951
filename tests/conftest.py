import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
OTHER_SEED = bool(int(os.environ.get('GEOFRACTAL_TEST_SEED') or 0)) # see tools/portable.py
settings.register_profile('repo', max_examples=40, deadline=None, database=None,
                          derandomize=not OTHER_SEED)
settings.load_profile('repo')


def pytest_configure(config):
    config.addinivalue_line('markers', 'exact_seed: exact values of one seed, left out for others')
    if OTHER_SEED and torch.Generator is torch._C.Generator:
        raise pytest.UsageError('GEOFRACTAL_TEST_SEED needs tools/other_seed on PYTHONPATH')


def pytest_terminal_summary(terminalreporter):
    "Tests without a browser are missed aloud"
    skipped = [r for r in terminalreporter.stats.get('skipped', []) if 'test_browser' in r.nodeid]
    if not skipped: return
    why = skipped[0].longrepr[2] if isinstance(skipped[0].longrepr, tuple) else skipped[0].longrepr
    why = str(why).removeprefix('Skipped: ')
    terminalreporter.write_line(f'{len(skipped)} BROWSER TESTS DID NOT RUN ({why}): site and '
                                'JupyterLab are untested', red=True, bold=True)


@pytest.fixture(scope='session')
def root(): return ROOT


@pytest.fixture(scope='session')
def reference():
    "Weights and outputs of the source systems, where they are at hand"
    folder = Path(os.environ.get('GEOFRACTAL_REFERENCE', ROOT.parent/'shared/reference'))
    if not folder.is_dir(): pytest.skip('no reference folder')
    return folder


@pytest.fixture
def cache(tmp_path, monkeypatch):
    "A cache folder of the test's own"
    monkeypatch.setenv('GEOFRACTAL_CACHE', str(tmp_path/'cache'))
    return tmp_path/'cache'


@pytest.fixture
def toy(tmp_path):
    "Three separable classes in a file: path, features, labels"
    import numpy as np
    gen = torch.Generator().manual_seed(0)
    y = torch.arange(240)%3
    X = torch.randn(240, 8, generator=gen)+4*torch.eye(8)[y]
    np.savez(tmp_path/'toy.npz', features=X.numpy(), labels=y.numpy())
    return tmp_path/'toy.npz',X,y
