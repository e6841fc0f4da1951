"Every public symbol: bad input is refused in one helpful line, unusual input gives the right answer, global generators stay"
import importlib
import inspect
import pkgutil
import random

import numpy as np
import pytest
import torch
from torch.testing import assert_close

import bad_input
import geofractal_nb

ROWS = [r for m in pkgutil.iter_modules(bad_input.__path__) for r in importlib.import_module(f'bad_input.{m.name}').ROWS]
MODULES = [m.name.removeprefix('geofractal_nb.') for m in pkgutil.walk_packages(geofractal_nb.__path__, 'geofractal_nb.') if not m.ispkg and not m.name.endswith('_modidx')]


def symbol_of(name):
    module,_,symbol = name.rpartition('.')
    return getattr(importlib.import_module(f'geofractal_nb.{module}'), symbol)


def global_states(): return random.getstate(),np.random.get_state()[1].tobytes(),np.random.get_state()[2],torch.random.get_rng_state().numpy().tobytes()


def is_answer(got, wanted):
    if callable(wanted): assert wanted(got), got
    elif torch.is_tensor(wanted) or isinstance(wanted, float): assert_close(torch.as_tensor(got), torch.as_tensor(wanted), check_dtype=False)
    else: assert got==wanted


@pytest.mark.parametrize('row', ROWS, ids=[f'{i}-{r.symbol}' for i,r in enumerate(ROWS)])
def test_row(row, tmp_path, cache):
    f,before = symbol_of(row.symbol),global_states()
    call = (lambda: row.call(f, tmp_path)) if len([p for p in inspect.signature(row.call).parameters.values() if p.default is p.empty])>1 else (lambda: row.call(f))
    if row.words is None: is_answer(call(), row.answer)
    else:
        with pytest.raises(ValueError) as e: call()
        said = str(e.value)
        assert type(e.value) is ValueError and '\n' not in said and 10<len(said)<500, said
        for w in row.words: assert w in said, f'{w!r} not in {said!r}'
    assert global_states()==before


def test_every_public_symbol_has_rows():
    public = {f'{m}.{n}' for m in MODULES for n in importlib.import_module(f'geofractal_nb.{m}').__all__
              if callable(s := symbol_of(f'{m}.{n}')) and getattr(s, '__module__', '')==f'geofractal_nb.{m}'}
    known = {r.symbol for r in ROWS}
    assert not public-known, f'add rows under tests/bad_input for {sorted(public-known)}'
    assert all(s.rpartition('.')[0] in MODULES for s in known)
    assert len(ROWS)>=300
