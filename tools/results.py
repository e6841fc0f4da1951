"""Executed notebooks that back a claim, and whether they are still true to the code.

    python tools/results.py                  what is current and what is not
    python tools/results.py refresh NAME     execute a notebook in place and record what it depends on
    python tools/results.py mark NAME        put a visible banner into one that is out of date
    python tools/results.py confirm NAME --since COMMIT -p seeds=2 -p epochs=3
                                             code was only rewritten: run a small version with the code of COMMIT,
                                             at which the result was current, and with the present code; if every
                                             printed digit agrees, the result counts as current again
    python tools/results.py confirm NAME ... --since COMMIT --weights
                                             only the training was rewritten: small classifiers of many kinds
                                             (tools/weights.py) have to learn the same with both, to the last bit,
                                             and to use every definition that has changed; -p NAME=VALUE sets a number for all
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
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


@contextmanager
def checkout(commit):
    "The tree of a commit beside this one"
    with tempfile.TemporaryDirectory() as tmp:
        old = Path(tmp)/'old'
        subprocess.run(['git', 'worktree', 'add', '-q', '--detach', old, commit], cwd=ROOT, check=True)
        try: yield old
        finally: subprocess.run(['git', 'worktree', 'remove', '--force', old], cwd=ROOT, check=True)


def tool(root, code, *args):
    "What Python code prints about a tree, with the tools of this one"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r})\nfrom pathlib import Path\nimport tools.fingerprint as f\nf.ROOT = Path({str(root)!r})\n{code}"
    return subprocess.run([sys.executable, '-c', code, *map(str, args)], check=True, capture_output=True, text=True).stdout


def check_since(path, old, since):
    "A result counts as current at a commit if its library there is the recorded one"
    known = read(path)['metadata'].get('geofractal', {}).get('library')
    then = json.loads(tool(old, "import json; print(json.dumps(f.fingerprint(sys.argv[1])))", path))
    if known!=then['library']:
        raise SystemExit(f"{path.stem} was not current at {since}: name the commit it was computed with")


def accept(path, **evidence):
    "Record that the present code gives what the notebook shows"
    nb = read(path)
    unmark(nb)
    nb['metadata']['geofractal'].update(fingerprint(path), confirmed=evidence)
    write(path, nb)


def confirm(path, since, parameters):
    "Old and new code, side by side at a small size"
    name = path.relative_to(ROOT)
    if not parameters: raise SystemExit("give the small size with -p name=value")
    with checkout(since) as old, tempfile.TemporaryDirectory() as tmp:
        check_since(path, old, since)
        shutil.copy(path, old/name)
        before,after = (small_run(root, name, parameters, Path(tmp)/f'{i}.ipynb') for i,root in enumerate((old, ROOT)))
    if before!=after:
        different = next((a,b) for a,b in zip([*before, None], [*after, None]) if a!=b)
        raise SystemExit(f"{path.stem} prints something else than at {since}: {str(different)[:400]}")
    accept(path, since=since, **{'with': parameters})


def confirm_weights(paths, since, shared):
    "Old and new code learn the same weights, to the last bit"
    script,listed = ROOT/'tools'/'weights.py',"print(chr(10).join(f.parts_of(sys.argv[1])))"
    with checkout(since) as old:
        for path in paths: check_since(path, old, since)
        trained = set(tool(ROOT, listed, script).splitlines())
        for path in paths: # what has changed and is not trained is not known to be the same
            changed = set(tool(ROOT, listed, path).splitlines())-set(tool(old, listed, path).splitlines())
            unseen = sorted(c.split()[0] for c in changed-trained)
            if unseen: raise SystemExit(f"{path.stem} reaches changes outside of the training: {', '.join(unseen)}")
        early = 'mix_lr' not in (old/'geofractal_nb'/'training'/'basin.py').read_text(encoding='utf-8') # its defaults were others
        call = [sys.executable, script, *(['--before'] if early else []), *shared]
        before,after = (subprocess.run(call, check=True, capture_output=True, text=True, cwd=root,
                                       env={**os.environ, 'PYTHONPATH': str(root)}).stdout.splitlines() for root in (old, ROOT))
    different = [a.partition(':')[0] for a,b in zip(before, after) if a!=b]
    if different or len(before)!=len(after): raise SystemExit(f"not the same as at {since}: {'; '.join(different)}")
    for path in paths: accept(path, since=since, weights=len(after), **({'with': shared} if shared else {}))
    return len(after)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('command', nargs='?', default='status', choices=('status', 'refresh', 'mark', 'confirm'))
    p.add_argument('names', nargs='*')
    p.add_argument('--since', help="for confirm: the commit whose code computed the result")
    p.add_argument('-p', dest='parameters', action='append', default=[], metavar='NAME=VALUE', help="for confirm: the small size")
    p.add_argument('--weights', action='store_true', help="for confirm: compare what small classifiers learn")
    args,known = p.parse_args(),notebooks()
    unknown = sorted(set(args.names)-set(known))
    if unknown: p.error(f"unknown {', '.join(unknown)}: use some of {', '.join(known)}")
    if args.command!='status' and not args.names: p.error(f"name some of {', '.join(known)}")
    if args.command=='confirm' and not args.since: p.error("confirm needs --since COMMIT")
    if args.since: # a name such as HEAD means something else tomorrow
        args.since = subprocess.run(['git', 'rev-parse', '--short', args.since], cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()
    if args.command=='confirm' and args.weights:
        kinds = confirm_weights([known[n] for n in args.names], args.since, args.parameters)
        return print(f"{', '.join(args.names)}: {kinds} kinds of classifiers learn the same as with the code of {args.since}, bit for bit")
    for name in args.names or known:
        path = known[name]
        if args.command=='refresh':
            refresh(path)
            print(f"{name}: executed in {duration(path)}")
        elif args.command=='mark': mark(path)
        elif args.command=='confirm':
            sizes = {k: json.loads(v) if v.strip('-').isdecimal() else v for k,_,v in (a.partition('=') for a in args.parameters)}
            confirm(path, args.since, sizes)
            print(f"{name}: the same digits as with the code of {args.since}")
        else: print(f"{name:20s} {status(path)}{', marked' if is_marked(read(path)) else ''}  {duration(path)}")


if __name__=='__main__': main()
