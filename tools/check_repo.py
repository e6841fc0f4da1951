"""Reads the repository and says what is wrong with it; changes nothing.

Exports and notebooks in step and clean, README current, imports downwards only and public, lines that fit, results that match the code
they were computed with, figures without empty axes, numbers that a cell has printed.
"""
import ast
import base64
import filecmp
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.build_readme import readme
from tools.fingerprint import ROOT
from tools.results import BANNER, is_marked, notebooks as results, read, status

LIMIT = 200_000 # bytes of output in one cell
WIDTH = 100     # characters of a line of code
# Notebooks with wider lines, written before there was a limit; the list may only become shorter
WIDE = set() # none, and so it stays
# Numbers in prose that no cell prints: cited from elsewhere, or facts of the world
CITED = {
    'everywhere': {95.},     # the coverage of every interval, in per cent
    'index.ipynb': {3.11},   # Python
    'replication.ipynb': {1.18, 1.43}, # the published run, whose values stand in a cell with more digits
}


@cache
def notebooks(): return {p: read(p) for p in sorted((ROOT/'nbs').rglob('*.ipynb')) if '.ipynb_checkpoints' not in p.parts}
def name_of(path): return str(path.relative_to(ROOT))
def source(cell): return ''.join(cell['source'])
def cells(nb, kind): return [(i, source(c)) for i,c in enumerate(nb['cells']) if c['cell_type']==kind]


def out_of_step():
    "Export and clean a copy; whatever differs is out of step here"
    with tempfile.TemporaryDirectory() as tmp:
        copy = Path(tmp)/'copy'
        shutil.copytree(ROOT, copy, symlinks=True, ignore=shutil.ignore_patterns('.git', '.venv', '_docs', '_proc', 'runs', '__pycache__', '.ipynb_checkpoints', '.*_cache', '.hypothesis'))
        for command in ('nbdev_export', 'nbdev_clean'): subprocess.run([command], cwd=copy, check=True, stdout=subprocess.DEVNULL)
        for folder,pattern,say in (('geofractal_nb', '*.py', 'is not what its notebook exports: run nbdev_export'), ('nbs', '*.ipynb', 'is not clean: run nbdev_clean')):
            files = {p.relative_to(root) for root in (ROOT, copy) for p in (root/folder).rglob(pattern) if '.ipynb_checkpoints' not in p.parts}
            for f in sorted(files):
                if not ((ROOT/f).is_file() and (copy/f).is_file() and filecmp.cmp(ROOT/f, copy/f, shallow=False)): yield f'{f} {say}'


def blemishes():
    "What a committed notebook must not contain"
    for p,nb in notebooks().items():
        name = name_of(p)
        if not nb['cells']: yield f'{name}: empty'
        if 'widgets' in nb['metadata']: yield f'{name}: {len(json.dumps(nb["metadata"]["widgets"]))//1000} KB of widget state in its metadata; run nbdev_clean'
        for i,text in cells(nb, 'markdown'):
            if re.match(r'# ', text) and re.search(r'^[^#>\s]', text, re.M): yield f'{name} cell {i}: text beside title and quote, which the site drops; give it a cell of its own'
        for i,cell in enumerate(nb['cells']):
            outs = cell.get('outputs', [])
            text = json.dumps(outs)
            if any(o['output_type']=='error' for o in outs): yield f'{name} cell {i}: an error output'
            if len(text)>LIMIT: yield f'{name} cell {i}: {len(text)//1000} KB of output'
            if re.search(r'["\s(=](/(tmp|root|home|work|Users)/|[A-Z]:\\\\)', text): yield f'{name} cell {i}: an absolute path in the output'


def long_lines():
    for p,nb in notebooks().items():
        if p.stem in WIDE: continue
        for i,text in cells(nb, 'code'):
            for line in text.splitlines():
                if len(line)>WIDTH: yield f'{name_of(p)} cell {i}: a line of {len(line)} characters, {WIDTH} fit: {line.strip()[:60]}...'


def imports(text):
    "(module, name) of every import from the library"
    try: tree = ast.parse(re.sub(r'^[%!].*$', 'pass', text, flags=re.M))
    except SyntaxError: return
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0]=='geofractal_nb':
            for a in node.names: yield node.module,a.name


def wrong_imports():
    "Exported code imports from lower numbers only; nobody imports an underscore"
    exports = {}
    for p,nb in notebooks().items():
        for _,text in cells(nb, 'code'):
            if m := re.match(r'#\|\s*default_exp\s+(\S+)', text): exports[f'geofractal_nb.{m[1]}'] = p
    number = lambda p: int(m[0]) if (m := re.match(r'\d+', p.name)) else 1000
    for p,nb in notebooks().items():
        for i,text in cells(nb, 'code'):
            for module,name in imports(text):
                if name.startswith('_'): yield f'{name_of(p)} cell {i}: imports the private {name} from {module}'
                home = exports.get(module)
                if re.search(r'^#\|\s*export', text, re.M) and home and number(home)>number(p): yield f'{name_of(p)} cell {i}: imports {module}, which comes later ({home.name})'
    for p in [*ROOT.glob('tests/**/*.py'), *ROOT.glob('tools/*.py'), *ROOT.glob('benchmarks/*.py')]:
        for module,name in imports(p.read_text(encoding='utf-8')):
            if name.startswith('_'): yield f'{name_of(p)}: imports the private {name} from {module}'


def site_order():
    "The site lists every component once, by number"
    listed = re.findall(r'- (\d\d_[\w.]+\.ipynb)', (ROOT/'_quarto.yml').read_text(encoding='utf-8'))
    there = sorted(p.name for p in notebooks() if p.parent.name=='nbs' and p.name[0].isdigit())
    if listed!=there: yield f"_quarto.yml lists {sorted(set(listed)^set(there)) or 'the components'} differently from nbs: every component once, by number"


def stale():
    "A result computed by other code is marked, a current one is not"
    for name,p in results().items():
        now,marked = status(p),is_marked(read(p))
        if now!='current' and not marked: yield f'{name_of(p)}: {now}; compute it anew with `make results NAME={name}`, or mark it: python tools/results.py mark {name}'
        if now=='current' and marked: yield f'{name_of(p)}: marked as out of date, but it is current'


def frames(dark):
    "Rectangles of dark lines in a picture: (top, bottom, left, right)"
    import numpy as np
    def runs(line, least):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], line.astype(int), [0]])))
        return [(a, b) for a,b in edges.reshape(-1, 2) if b-a>=least]
    rows = [(y, a, b) for y in range(len(dark)) for a,b in runs(dark[y], 60)]
    side = lambda top, bottom, x: dark[top:bottom,max(x-8, 0):x+9].all(0).any() # ticks may lengthen the lines
    for i,(top,a,b) in enumerate(rows):
        for bottom,c,d in rows[i+1:]:
            if bottom-top>=40 and abs(a-c)<=8 and abs(b-d)<=8 and side(top, bottom, a) and side(top, bottom, b):
                yield top,bottom,a,b
                break


def empty_axes(png):
    "Does a picture have a frame with nothing in it?"
    import matplotlib.image
    import numpy as np
    picture = matplotlib.image.imread(io.BytesIO(png), format='png')[...,:3].max(-1)
    inside = lambda top, bottom, a, b: picture[top+4:bottom-3,a+14:b-14]
    return any(np.all(inside(*f)>.99) for f in frames(picture<.5)) # curves are lighter than frames


def empty_figures():
    for p,nb in notebooks().items():
        for i,cell in enumerate(nb['cells']):
            for o in cell.get('outputs', []):
                png = o.get('data', {}).get('image/png')
                if png and empty_axes(base64.b64decode(''.join(png))): yield f'{name_of(p)} cell {i}: a figure with empty axes'


def numerals(text):
    "Numbers of a text, by value"
    return {float(t.replace(',', '')) for t in re.findall(r'(?<![\w.])(?:\d[\d,]*(?:\.\d+)?|\.\d+)', text)}


def unprinted_numbers():
    "Numbers in prose of README and results that no cell of the notebook prints or sets"
    for p,nb in notebooks().items():
        if p.parent.name!='results' and p.name!='index.ipynb': continue
        shown = ' '.join(source(c) for c in nb['cells'] if c['cell_type']=='code')
        for c in nb['cells']:
            for o in c.get('outputs', []): shown += ' '+''.join(o.get('text', []))+' '.join(''.join(v) for k,v in o.get('data', {}).items() if k.startswith('text/'))
        known = numerals(shown)|CITED['everywhere']|CITED.get(p.name, set())
        for i,text in cells(nb, 'markdown'):
            if text.startswith(BANNER): continue # its own duration
            prose = re.sub(r'```.*?```|`[^`]*`|\$[^$]*\$|\]\([^)]*\)', ' ', text, flags=re.S)
            for v in sorted(numerals(prose)-known):
                if v%1 or v>12: yield f'{name_of(p)} cell {i}: the number {v:g} is printed by no cell; let one print it, or review it into CITED'


def main():
    problems = [p for look in (out_of_step, blemishes, long_lines, wrong_imports, site_order, stale, empty_figures, unprinted_numbers) for p in look()]
    if (ROOT/'README.md').read_text(encoding='utf-8')!=readme(): problems.append('README.md is not what nbs/index.ipynb says: run make readme')
    for p in problems: print(p, file=sys.stderr)
    print(f"{len(problems)} problems" if problems else f"{len(notebooks())} notebooks in order")
    return 1 if problems else 0


if __name__=='__main__': sys.exit(main())
