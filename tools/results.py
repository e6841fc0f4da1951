"""Executed notebooks that back a claim, and whether they are still true to the code.

    python tools/results.py                  what is current and what is not
    python tools/results.py refresh NAME     execute a notebook in place and record what it depends on
    python tools/results.py mark NAME        put a visible banner into one that is out of date
    python tools/results.py confirm NAME --since COMMIT -p seeds=2 -p epochs=3
                                             code was only rewritten: run a small version with the code of COMMIT,
                                             at which the result was current, and with the present code; if every
                                             printed digit agrees, the result counts as current again
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tools.execute import execute
from tools.fingerprint import ROOT, fingerprint

BANNER = '<div class="out-of-date"><strong>Out of date.</strong>' # HTML: Markdown inside a div is not read everywhere


def notebooks():
    "name -> path of every notebook with a recorded fingerprint"
    return {p.stem: p for folder in ('results', 'experiments') for p in sorted((ROOT/'nbs'/folder).glob('*.ipynb'))}


def read(path): return json.loads(path.read_text(encoding='utf-8'))
def write(path, nb): path.write_text(json.dumps(nb, indent=1, ensure_ascii=False, sort_keys=True)+'\n', encoding='utf-8')
def is_marked(nb): return any(''.join(c['source']).startswith(BANNER) for c in nb['cells'])


def status(path):
    "'current', 'never recorded', or which part has changed since"
    known,now = read(path)['metadata'].get('geofractal', {}),fingerprint(path)
    if not known: return 'never recorded'
    changed = [n for n in now if now[n]!=known.get(n)]
    return f"its {' and '.join({'code': 'own code', 'library': 'library'}[n] for n in changed)} changed" if changed else 'current'


def duration(path):
    "How long it took, in words"
    seconds = read(path)['metadata'].get('geofractal', {}).get('seconds')
    if not seconds: return ''
    return f'about {seconds/60:.0f} minutes' if seconds>=90 else f'about {seconds:.0f} seconds'


def unmark(nb): nb['cells'] = [c for c in nb['cells'] if not ''.join(c['source']).startswith(BANNER)]


def mark(path):
    "A banner below the title, in the notebook and on the site"
    nb = read(path)
    unmark(nb)
    title = next(i for i,c in enumerate(nb['cells']) if c['cell_type']=='markdown' and ''.join(c['source']).startswith('# '))
    took = duration(path)
    text = f"{BANNER} Code that this notebook uses has changed since it was computed, so its numbers may differ from what the present library gives. " \
           f"<code>make results NAME={path.stem}</code> computes it anew{f' ({took})' if took else ''}.</div>"
    nb['cells'].insert(title+1, dict(cell_type='markdown', id='out-of-date', metadata={}, source=[text]))
    write(path, nb)


def refresh(path):
    "Execute in place; the fingerprint is taken before, so that a change during the run is noticed"
    nb,depends = read(path),fingerprint(path)
    unmark(nb)
    write(path, nb)
    seconds = execute(path)
    nb = read(path)
    nb['metadata']['geofractal'] = {**depends, 'seconds': round(seconds)}
    write(path, nb)


def shown(path):
    "What the code cells of an executed notebook printed, figures and cells tagged `timing` apart"
    cells = [c for c in read(path)['cells'] if 'timing' not in c['metadata'].get('tags', ())]
    outputs = [o for c in cells for o in c.get('outputs', []) if o.get('name')!='stderr']
    kinds = 'text/html','text/markdown','application/json' # neither pictures nor progress bars
    found = [o.get('text') or {k: v for k,v in o.get('data', {}).items() if k in kinds} for o in outputs]
    return [f for f in found if f]


def small_run(root, path, parameters, out):
    "Execute a notebook with the code of a checkout and parameters of its own"
    import papermill
    os.environ.update(PYTHONPATH=str(root), GEOFRACTAL_HEADLESS='1')
    papermill.execute_notebook(root/path, out, parameters=parameters, cwd=(root/path).parent,
                               kernel_name='python3', progress_bar=False)
    return shown(out)


def confirm(path, since, parameters):
    "Old and new code, side by side at a small size"
    name,nb = path.relative_to(ROOT),read(path)
    if not parameters: raise SystemExit("give the small size with -p name=value")
    with tempfile.TemporaryDirectory() as tmp:
        old = Path(tmp)/'old'
        subprocess.run(['git', 'worktree', 'add', '-q', '--detach', old, since], cwd=ROOT, check=True)
        try:
            found = subprocess.run([sys.executable, 'tools/fingerprint.py', path], cwd=old, check=True,
                                   capture_output=True, text=True, env={**os.environ, 'PYTHONPATH': str(old)})
            if nb['metadata'].get('geofractal', {}).get('library') not in found.stdout:
                raise SystemExit(f"{path.stem} was not current at {since}: name the commit it was computed with")
            shutil.copy(path, old/name)
            before,after = (small_run(root, name, parameters, Path(tmp)/f'{i}.ipynb') for i,root in enumerate((old, ROOT)))
        finally: subprocess.run(['git', 'worktree', 'remove', '--force', old], cwd=ROOT, check=True)
    if before!=after:
        different = next((a,b) for a,b in zip([*before, None], [*after, None]) if a!=b)
        raise SystemExit(f"{path.stem} prints something else than at {since}: {str(different)[:400]}")
    unmark(nb)
    nb['metadata']['geofractal'].update(fingerprint(path), confirmed={'since': since, 'with': parameters})
    write(path, nb)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('command', nargs='?', default='status', choices=('status', 'refresh', 'mark', 'confirm'))
    p.add_argument('names', nargs='*')
    p.add_argument('--since', help="for confirm: the commit whose code computed the result")
    p.add_argument('-p', dest='parameters', action='append', default=[], metavar='NAME=VALUE', help="for confirm: the small size")
    args,known = p.parse_args(),notebooks()
    unknown = sorted(set(args.names)-set(known))
    if unknown: p.error(f"unknown {', '.join(unknown)}: use some of {', '.join(known)}")
    if args.command!='status' and not args.names: p.error(f"name some of {', '.join(known)}")
    for name in args.names or known:
        path = known[name]
        if args.command=='refresh':
            refresh(path)
            print(f"{name}: executed in {duration(path)}")
        elif args.command=='mark': mark(path)
        elif args.command=='confirm':
            sizes = {k: json.loads(v) if v.strip('-').isdecimal() else v for k,_,v in (a.partition('=') for a in args.parameters)}
            confirm(path, args.since or p.error("confirm needs --since COMMIT"), sizes)
            print(f"{name}: the same digits as with the code of {args.since}")
        else: print(f"{name:20s} {status(path)}{', marked' if is_marked(read(path)) else ''}  {duration(path)}")


if __name__=='__main__': main()
