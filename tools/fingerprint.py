"""What a committed result depends on: its own code and parameters, the benchmarks it starts, and every definition of the library that they reach.

A definition counts by its syntax tree without docstrings and comments: rewording documentation changes no fingerprint, a changed
default or formula does. The walk is static: nothing is imported, nothing runs.
"""
import ast
import hashlib
import json
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LIB = 'geofractal_nb'


def digest(text): return hashlib.sha256(text.encode()).hexdigest()[:16]


def module_file(name):
    "geofractal_nb.data.text -> its file, or None"
    path = ROOT/Path(*name.split('.'))
    return next((p for p in (path.with_suffix('.py'), path/'__init__.py') if p.is_file()), None)


def without_docstrings(tree):
    for node in ast.walk(tree):
        body = getattr(node, 'body', None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str):
            node.body = body[1:] or [ast.Pass()]
    return tree


def absolute(node, module):
    "Module that a `from` import names"
    if not node.level: return node.module
    parent = module.split('.')[:-node.level]
    return '.'.join([*parent, *([node.module] if node.module else [])])


@cache
def definitions(module):
    "name -> (syntax trees that define it, other module's (module, name) if imported from the library)"
    found,imported = {},{}
    for node in without_docstrings(ast.parse(module_file(module).read_text(encoding='utf-8'))).body:
        if isinstance(node, ast.ImportFrom):
            source = absolute(node, module)
            if source and source.split('.')[0]==LIB:
                for a in node.names: imported[a.asname or a.name] = source,a.name
            continue
        targets = [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.AsyncFunctionDef)) else \
                  [n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)]
        for t in targets or ['']: found.setdefault(t, []).append(node) # '' are statements that act on import
    return found,imported


def reached(start):
    "All (module, name) that some of them need, themselves included"
    seen,todo = set(),list(start)
    while todo:
        module,name = todo.pop()
        if (module, name) in seen or not module_file(module): continue
        defined,imported = definitions(module)
        if name in imported: todo.append(imported[name]); continue
        if name not in defined: continue
        seen.add((module, name))
        used = {n.id for node in defined[name] for n in ast.walk(node) if isinstance(n, ast.Name)}
        todo += [(module, n) for n in used if n in defined or n in imported]
        todo += [(module, '')] if '' in defined else []
    return sorted(seen)


def code_of(notebook):
    "Code cells without those that papermill injects, and without comments"
    cells = [c for c in notebook['cells'] if c['cell_type']=='code' and 'injected-parameters' not in c['metadata'].get('tags', [])]
    code = [re.sub(r'^[%!].*$', 'pass', ''.join(c['source']), flags=re.M) for c in cells]
    return code+[script.read_text(encoding='utf-8') for script in scripts_of(code)]


def scripts_of(code):
    "Benchmarks that a notebook starts as processes of their own"
    named = re.findall(r"'benchmarks'/'(\w+\.py)'", '\n'.join(code))
    return [ROOT/'benchmarks'/n for n in sorted(set(named)) if (ROOT/'benchmarks'/n).is_file()]


def start_of(trees):
    "(module, name) that some code imports from the library"
    return [(node.module, a.name) for t in trees for node in ast.walk(t) if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0]==LIB for a in node.names]


def parts(start):
    "Name and syntax tree of every definition that is reached, wherever it lives"
    return sorted(f'{n} '+''.join(map(ast.dump, definitions(m)[0][n])) for m,n in reached(start))


def fingerprint(path):
    "{'code': digest of the notebook's own code, 'library': digest of what it reaches}"
    trees = [ast.parse(c) for c in code_of(json.loads(Path(path).read_text(encoding='utf-8')))]
    return {'code': digest('\n'.join(map(ast.dump, trees))), 'library': digest('\n'.join(parts(start_of(trees))))}


def parts_of(path):
    "The definitions that a notebook or a script reaches"
    text = Path(path).read_text(encoding='utf-8')
    code = code_of(json.loads(text)) if Path(path).suffix=='.ipynb' else [text]
    return parts(start_of(map(ast.parse, code)))


if __name__=='__main__':
    import sys
    for p in sys.argv[1:]: print(p, fingerprint(p))
