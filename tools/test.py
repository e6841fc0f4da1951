"""Every check, also after one has failed: python tools/test.py [PART ...]

Ends with one line per part; exit status 1 if any failed.
"""
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PARTS = { # name: what it is, seconds on two idle cores, command
    'check': ('export, cleanliness, README', 3, 'python tools/check_repo.py'),
    'lint': ('names that are missing', 1, 'ruff check --quiet --isolated --select F821,F403,F401,F811 geofractal_nb nbs tests tools benchmarks'),
    'notebooks': ('the tests inside the notebooks', 110, 'nbdev_test --n_workers 2 --do_print'),
    'pytest': ('properties, whole runs, a browser', 200,
               'python -m pytest -q -n 2 --dist loadfile --durations=8 tests'),
}


def passes(name):
    "Run a part, its output as it comes"
    env = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT), 'PYTHONUNBUFFERED': '1',
           'PATH': f'{Path(sys.executable).parent}{os.pathsep}{os.environ["PATH"]}'}
    try: return not subprocess.run(PARTS[name][2].split(), cwd=ROOT, env=env).returncode
    except OSError as e: print(f'{e}: run make setup'); return False


def main(names):
    if unknown := set(names)-PARTS.keys():
        return f'no part {", ".join(sorted(unknown))}; there are {", ".join(PARTS)}'
    names,results = names or list(PARTS),[]
    total = sum(PARTS[n][1] for n in names)
    print(f'{len(names)} of {len(PARTS)} parts, about {total} s on two idle cores', flush=True)
    for i,n in enumerate(names, 1):
        about,seconds,_ = PARTS[n]
        print(f'\n== {i}/{len(names)} {n}: {about}, about {seconds} s', flush=True)
        start = time.monotonic()
        ok = passes(n)
        results.append((n, ok, time.monotonic()-start))
    print()
    for n,ok,seconds in results:
        print(f'{n:10} {"passed" if ok else "FAILED"} {seconds:5.0f} s   make {n}')
    return 0 if all(ok for _,ok,_ in results) else 1


if __name__=='__main__': sys.exit(main(sys.argv[1:]))
