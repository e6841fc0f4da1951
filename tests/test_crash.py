"Runs that are killed at any moment resume to the same bytes: a short tools/crash_test.py"
import os
import subprocess
import sys

import pytest


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')
def test_killed_runs_resume_identically(root):
    command = [sys.executable, root/'tools/crash_test.py', '--kills', '20']
    p = subprocess.run(command, capture_output=True, text=True)
    assert p.returncode==0, p.stdout+p.stderr
    total = next(l for l in p.stdout.splitlines() if l.startswith('all '))
    killed,runs,resumed,identical = map(int, total.split()[1:])
    assert killed>=20 and runs==resumed==identical
