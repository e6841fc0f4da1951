"""Notebooks and tests on other instruction sets, threads and seeds: tools/portable.py [NAME ...]

A NAME picks all settings that hold it (`seed=2`, `default`, `threads=2`), `--only TEXT` notebooks
or `tests`. What states the exact values of one seed bears a mark and is left out under other seeds:
a cell `#| exact_seed`, a test `@pytest.mark.exact_seed`.
"""
import argparse
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = """import sys; from pathlib import Path; from nbdev.test import test_nb
sys.exit(not test_nb(Path(sys.argv[1]), skip_flags=sys.argv[2].split(), basepath='.')[0])"""
SETTINGS = {f'{cpu or "native"} threads={n}': {'ATEN_CPU_CAPABILITY': cpu, 'OMP_NUM_THREADS': n}
            for cpu in ('default', 'avx2', '') for n in '12'}
SETTINGS |= {f'seed={s}': {'GEOFRACTAL_TEST_SEED': s, 'OMP_NUM_THREADS': '1'} for s in '123'}


def environment(setting):
    "Variables of a setting; an empty one is unset"
    path = f'{ROOT/"tools/other_seed"}{os.pathsep}{ROOT}'
    env = {**os.environ, **SETTINGS[setting], 'PYTHONPATH': path}
    return {k: v for k,v in env.items() if v}


def command_of(part, seed):
    skipped = 'notest slow gpu'+' exact_seed'*bool(seed)
    if part!='tests': return [sys.executable, '-c', NOTEBOOK, part, skipped]
    seeded = ['-m', 'not exact_seed', f'--hypothesis-seed={seed}'] if seed else []
    pytest = [sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider']
    return [*pytest, '--ignore=tests/test_browser.py', *seeded, 'tests']


def failures(setting, part):
    "What fails, each with its last line; none if all is well"
    command = command_of(part, SETTINGS[setting].get('GEOFRACTAL_TEST_SEED'))
    p = subprocess.run(command, cwd=ROOT, env=environment(setting), capture_output=True, text=True)
    if not p.returncode: return []
    said = p.stdout+p.stderr
    if part=='tests': return re.findall(r'^(?:FAILED|ERROR) (.*)', said, re.M) or [said[-500:]]
    source = re.findall(r'line \d+, in .*\n +(.*)', said)[-1:]
    error = re.findall(r'^\w*(?:Error|Exception|Interrupt)\b.*', said, re.M)[-1:]
    cell = re.findall(r'Cell #\d+', said)[-1:]
    return [' | '.join([Path(part).name, *cell, *source, *error])]


def main():
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument('settings', nargs='*', metavar='NAME', help=', '.join(SETTINGS))
    parser.add_argument('--only', default='', help='notebooks whose path holds this, or tests')
    args = parser.parse_args()
    settings = [s for s in SETTINGS if not args.settings or any(a in s for a in args.settings)]
    notebooks = [str(p.relative_to(ROOT)) for d in ('nbs', 'nbs/experiments')
                 for p in sorted((ROOT/d).glob('*.ipynb'))]
    parts = [p for p in [*notebooks, 'tests'] if args.only in p]
    if not settings or not parts:
        parser.error(f'nothing is called that; settings: {", ".join(SETTINGS)}')
    minutes = len(settings)*(len(parts)/15+3*('tests' in parts))
    print(f'{len(parts)} parts in {len(settings)} settings, up to {minutes:.0f} min', flush=True)
    rows = []
    for s in settings:
        start = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            failed = [f for fs in pool.map(lambda p: failures(s, p), parts) for f in fs]
        rows.append((s, len(failed), time.monotonic()-start))
        print(f'== {s}: {len(failed) or "none"} failed', *failed, sep='\n   ', flush=True)
    print(f'\n{"setting":20}{"failed":>7}{"seconds":>9}')
    for s,n,seconds in rows: print(f'{s:20}{n:7}{seconds:9.0f}')
    return 1 if any(n for _,n,_ in rows) else 0


if __name__=='__main__': sys.exit(main())
