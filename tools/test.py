"""Every check of the repository: `python tools/test.py [PART ...]`. One part that fails does not stop the others."""
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# name: (about how many seconds on two cores, commands, what to call alone)
PARTS = {
    'check': (10, [[sys.executable, 'tools/check_repo.py'], ['ruff', 'check', '--quiet', '--select', 'F821,F403', 'geofractal_nb']]),
    'notebooks': (110, [['nbdev_test', '--n_workers', '2']]),
    'portable': (90, [['nbdev_test', '--n_workers', '2']]),
    'pytest': (270, [[sys.executable, '-m', 'pytest', '-q', '-n', '2', '--dist', 'loadfile', '--durations=5', 'tests']]),
}
USUAL = ('check', 'notebooks', 'pytest')
ENVIRONMENT = {'notebooks': {'OMP_NUM_THREADS': '1'}, 'portable': {'OMP_NUM_THREADS': '1', 'ATEN_CPU_CAPABILITY': 'default'}, 'pytest': {'OMP_NUM_THREADS': '1'}}


def in_words(seconds): return f'{seconds/60:.1f} min' if seconds>=90 else f'{seconds:.0f} s'


def main():
    asked = sys.argv[1:] or USUAL
    unknown = [p for p in asked if p not in PARTS]
    if unknown: sys.exit(f"unknown part {unknown[0]!r}: use some of {', '.join(PARTS)}")
    print(f"== {len(asked)} parts, about {in_words(sum(PARTS[p][0] for p in asked))} on two idle cores: "+', '.join(f'{p} {in_words(PARTS[p][0])}' for p in asked), flush=True)
    done = []
    for i,part in enumerate(asked, 1):
        print(f"== {part} ({i} of {len(asked)}, about {in_words(PARTS[part][0])})", flush=True)
        env,begun = {**os.environ, 'PYTHONPATH': str(ROOT), **ENVIRONMENT.get(part, {})},time.monotonic()
        failed = [c for c in PARTS[part][1] if subprocess.run(c, cwd=ROOT, env=env).returncode]
        done.append((part, not failed, time.monotonic()-begun))
    print('==')
    for part,ok,seconds in done: print(f"{'passed' if ok else 'FAILED'}  {part:10s} {in_words(seconds):>8s}   alone: make test PARTS={part}")
    return 0 if all(ok for _,ok,_ in done) else 1


if __name__=='__main__': sys.exit(main())
