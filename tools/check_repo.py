"Is the export in sync, are notebooks clean, is README.md current? Says what to run if not."
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.build_readme import ROOT, readme

LIMIT = 200_000 # bytes of output in one cell


def state(pattern):
    "Digest of every file"
    return {p: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(ROOT.glob(pattern)) if '.ipynb_checkpoints' not in p.parts}


def changed_by(command, pattern):
    "Files that a command changes; an exact no-op changes none"
    before = state(pattern)
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    after = state(pattern)
    return [str(p.relative_to(ROOT)) for p in before.keys() | after.keys() if before.get(p)!=after.get(p)]


def blemishes():
    "What a committed notebook must not contain"
    for p in state('nbs/**/*.ipynb'):
        name = p.relative_to(ROOT)
        for i,cell in enumerate(json.loads(p.read_text(encoding='utf-8'))['cells']):
            text = ''.join(cell['source'])
            if cell['cell_type']=='markdown' and re.match(r'# ', text) and re.search(r'^[^#>\s]', text, re.M): yield f'{name} cell {i}: text beside title and quote, which the site drops; give it a cell of its own'
            outs = cell.get('outputs', [])
            text = json.dumps(outs)
            if any(o['output_type']=='error' for o in outs): yield f'{name} cell {i}: an error output'
            if len(text)>LIMIT: yield f'{name} cell {i}: {len(text)//1000} KB of output'
            if re.search(r'["\s(=](/(tmp|root|home|work|Users)/|[A-Z]:\\\\)', text): yield f'{name} cell {i}: an absolute path in the output'
        if not json.loads(p.read_text(encoding='utf-8'))['cells']: yield f'{name}: empty'


problems = [f'{f} was out of sync with its notebook: nbdev_export has rewritten it, commit it' for f in changed_by(['nbdev_export'], 'geofractal_nb/**/*.py')]
problems += [f'{f} was not clean: nbdev_clean has rewritten it, commit it' for f in changed_by(['nbdev_clean'], 'nbs/**/*.ipynb')]
problems += blemishes()
if (ROOT/'README.md').read_text(encoding='utf-8')!=readme(): problems.append('README.md is not what nbs/index.ipynb says: run make readme')
for p in problems: print(p, file=sys.stderr)
sys.exit(1 if problems else 0)
