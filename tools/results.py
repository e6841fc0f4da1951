"""Executed notebooks that back a claim, and whether they are still true to the code.

    python tools/results.py                  what is current and what is not
    python tools/results.py refresh NAME     execute a notebook in place and record what it depends on
    python tools/results.py mark NAME        put a visible banner into one that is out of date
"""
import argparse
import json
import sys
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


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument('command', nargs='?', default='status', choices=('status', 'refresh', 'mark'))
    p.add_argument('names', nargs='*')
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
        else: print(f"{name:20s} {status(path)}{', marked' if is_marked(read(path)) else ''}  {duration(path)}")


if __name__=='__main__': main()
