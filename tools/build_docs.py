"""The documentation site: nbdev's processors, then smalldocs, then nothing leaves the site.

Notebooks are changed on the way in a copy only: a results page opens with its answer and its best
figure, long code is folded, every figure gets a text and a place in the gallery.
"""
import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path

warnings.simplefilter('ignore')
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import nbdev.processors
import yaml
from latex2mathml.converter import convert
from nbdev.config import get_config
from nbdev.serve import proc_nbs
from geofractal_nb.runner import read_result
from tools import draw_docs

SITE = Path(__file__).resolve().parent/'site'
KATEX = '0.16.11'
KATEX_SHA256 = '8c5494c5f7d8e8bf73ff3fe64d4bd09a340e4878b7eec9bbd9ef8d8f3e24193f'
HERO = 'results/does_it_help.ipynb' # the front page's figure: the project's main question
PLAYGROUNDS = {'geometry.cantor': 'cantor', 'geometry.foci': 'foci'} # pages that turn: their scripts in tools/site
MADE = {'gallery.html', 'draw.html'} # pages without a source in the repository
HIDDEN = {'application/vnd.jupyter.widget-view+json', 'application/json'} # bars, and results for programs
WIDE = 600                          # pixels of a figure that a phone shows at this width, to be scrolled
FOLD = 8                            # lines of code a results page shows unfolded

text_of = lambda cell: ''.join(cell['source'])
pictures = lambda cell: [o for o in cell.get('outputs', [])
                         if any(k.startswith('image/') for k in o.get('data', {}))]


# nbdev runs what imports, for its signatures; a demonstration that imports would need all before it
needed = nbdev.processors._do_eval
def evaluated(cell):
    tree = cell.parsed_() if cell.cell_type=='code' else None
    kinds = {type(t).__name__ for t in tree or ()}
    mixed = kinds & {'Import', 'ImportFrom'} and kinds & {'Expr', 'Assign', 'With', 'Assert', 'For'}
    return None if mixed and 'export' not in cell.directives_ else needed(cell)
nbdev.processors._do_eval = evaluated


# Notebooks, in nbdev's copy

def rename_pages(cache):
    "Give pages the names nbdev's cross-links expect, which smalldocs does not read; {new: old}"
    renamed = {}
    for page in sorted(cache.rglob('*.ipynb')):
        found = re.search(r'"output-file: ([\w.\-]+)\.html\\n"', page.read_text())
        if found and found[1]!=page.stem:
            target = page.with_name(f'{found[1]}.ipynb')
            renamed[str(page.relative_to(cache))] = str(target.relative_to(cache))
            page.rename(target)
    for f in (cache/'_quarto.yml', *cache.rglob('*.ipynb')):
        text = f.read_text()
        for old,new in renamed.items(): text = text.replace(old, new)
        f.write_text(text)
    return {new: old for old,new in renamed.items()}


def plain(markdown):
    "A paragraph without its marks, for an alternative text"
    text = re.sub(r'\[([^\]]*)\]\([^)]*\)', r'\1', markdown)
    return re.sub(r'\s+', ' ', re.sub(r'[*`$\\]|<[^>]*>', '', text)).strip()


def axes_of(code):
    "What the code writes on its axes"
    names = re.findall(r"""(?:set_)?(title|[xy]label)(?:=|\()f?(['"])(.*?)\2""", code)
    return ', '.join(dict.fromkeys(f'{kind.replace("label", " axis")} {plain(name)}' for kind,_,name in names if name))


def describe(cells, i, title):
    "A figure's alternative text: the heading and the prose before it, and its axes"
    heading,prose = title,''
    for c in cells[:i]:
        if c['cell_type']!='markdown': continue
        found = re.findall(r'^#+ (.*)$', text_of(c), re.M)
        if found: heading,prose = found[-1],''
        paragraphs = [p for p in text_of(c).split('\n\n') if p.strip() and not re.match(r'[#>:|<!-]', p)]
        if paragraphs: prose = paragraphs[-1]
    parts = [plain(heading), plain(prose)[:240], axes_of(text_of(cells[i]))]
    return '. '.join(p.rstrip('.: ') for p in parts if p)


def option(cell, key, value):
    if not re.search(rf'^#\|\s*{key}:', text_of(cell), re.M):
        cell['source'] = f'#| {key}: {json.dumps(value, ensure_ascii=False)}\n{text_of(cell)}'


def fold(cell):
    if 'code-fold:' in text_of(cell): return
    option(cell, 'code-summary', f'Code, {len(text_of(cell).splitlines())} lines')
    option(cell, 'code-fold', True)


def title_of(nb):
    found = re.search(r'^title: *(.*)$|^# (.*)$', '\n'.join(text_of(c) for c in nb['cells'][:3]), re.M)
    return (found[1] or found[2]).strip('"\'') if found else ''


def picture_cell(outputs, alt):
    return dict(cell_type='code', metadata={}, execution_count=None, outputs=outputs,
                source=f'#| echo: false\n#| fig-alt: {json.dumps(alt, ensure_ascii=False)}\n#| label: best-figure\n0')


def without_code(cell):
    "What a cell says, and nothing of how"
    bare = re.sub(r'^#\|.*\n', '', text_of(cell), flags=re.M) if cell['cell_type']=='code' else None
    return cell if bare is None else {**cell, 'source': f'#| echo: false\n{bare}'}


def answer_first(cells):
    "A results page: title, notice, answer in words, best figure, the method, the answer's code"
    heads = [i for i,c in enumerate(cells) if re.match(r'## ', text_of(c)) and c['cell_type']=='markdown']
    start = next((i for i in heads if re.match(r'## Answer', text_of(cells[i]))), None)
    if start is None: return cells
    stop = next((i for i in heads if i>start), len(cells))
    answer = cells[start:stop]
    first = next(i for i,c in enumerate(cells) if c['cell_type']=='markdown' and 'out-of-date' not in text_of(c)
                 and not re.match(r'---|# ', text_of(c)))
    best = next(((i, c) for i,c in enumerate(cells) if pictures(c)), None)
    figure = [picture_cell(pictures(best[1])[:1], describe(cells, best[0], ''))] if best else []
    words = [without_code(c) for c in answer if c['cell_type']!='code' or c['outputs']]
    code = [{**c, 'outputs': []} for c in answer if c['cell_type']=='code']
    for c in code: fold(c)
    method,last = (dict(cell_type='markdown', metadata={}, source=f'## {t}') for t in ('Method', "The answer's code"))
    return cells[:first]+words+figure+[method]+cells[first:start]+cells[stop:]+([last]+code if code else [])


def prepare(page, cache):
    "One notebook: figures described, code of results folded, bars of progress left out"
    nb = json.loads(page.read_text())
    cells,title = nb['cells'],title_of(nb)
    for c in cells: # nbdev links a symbol's name also where it is the text of a link
        if c['cell_type']=='markdown': c['source'] = re.sub(r'\[(\[`[^`]+`\]\([^)]*\))\]\([^)]*\)', r'\1', text_of(c))
    for i,c in enumerate(cells):
        if c['cell_type']!='code': continue
        c['outputs'] = [o for o in c['outputs'] if not HIDDEN & set(o.get('data', {}))]
        for o in c['outputs']: # a page shown as an example: its links lead nowhere from here
            data = o.get('data', {})
            if 'text/html' in data: data['text/html'] = re.sub(r'<a href="(?!\w+:|#)[^"]*">(.*?)</a>', r'\1', ''.join(data['text/html']))
        if pictures(c): option(c, 'fig-alt', describe(cells, i, title))
    if page.parent.name=='results':
        for c in cells:
            if c['cell_type']=='code' and len(text_of(c).splitlines())>FOLD: fold(c)
        nb['cells'] = answer_first(cells)
    page.write_text(json.dumps(nb))


def front_figure(cache):
    "The project's best figure under the front page's first words"
    source,page = cache/HERO,cache/'index.ipynb'
    if not (source.is_file() and page.is_file()): return
    cells,nb = json.loads(source.read_text())['cells'],json.loads(page.read_text())
    cell = next((c for c in cells if pictures(c)), None)
    if cell is None: return
    alt = json.loads(re.search(r'fig-alt: (.*)', text_of(cell))[1])
    *_,said = read_result(get_config().nbs_path/HERO)['answer']
    caption = dict(cell_type='markdown', metadata={}, source=f'Accuracy on the largest level while training. {said} '
                   f'([The study]({HERO}); more figures: [the gallery](gallery.md).)')
    at = next(i for i,c in enumerate(nb['cells']) if re.match(r'## ', text_of(c)))
    nb['cells'][at:at] = [picture_cell(pictures(cell)[:1], alt), caption]
    page.write_text(json.dumps(nb))


def settle(cache, cfg):
    "The site's settings: repository from settings.ini; entries without a page are left out"
    path = cache/'_quarto.yml'
    q = yaml.safe_load(path.read_text())
    listed = set()
    def kept(entries):
        for e in entries:
            if isinstance(e, str): yield from unseen(e)
            elif 'section' in e:
                if inside := list(kept(e['contents'])): yield {**e, 'contents': inside}
            elif ':' in e['href'] or (cache/e['href']).is_file(): yield e
    def unseen(pattern):
        for p in sorted(cache.glob(pattern)):
            name = str(p.relative_to(cache))
            if name not in listed: yield name
            listed.add(name)
    web = q['website']
    for bar,side in (('sidebar', 'contents'), ('navbar', 'left')): web[bar][side] = list(kept(web[bar][side]))
    web |= {'repo-url': cfg.git_url, 'repo-branch': cfg.branch, 'repo-subdir': cfg.nbs_path.name,
            'repo-actions': ['source', 'issue']}
    web['navbar']['right'] = [dict(icon='github', text='Repository', href=cfg.git_url)]
    path.write_text(yaml.safe_dump(q, sort_keys=False))


# Pages, as smalldocs wrote them

def katex(out):
    "KaTeX from npm beside the pages, kept for the next time; without it formulas become MathML"
    kept = Path(sys.prefix)/'share'/f'katex-{KATEX}'
    if not kept.is_dir():
        with tempfile.TemporaryDirectory() as tmp:
            try:
                subprocess.run(['npm', 'pack', f'katex@{KATEX}'], cwd=tmp, check=True, capture_output=True, timeout=60)
            except (OSError, subprocess.SubprocessError): return False
            package = Path(tmp)/f'katex-{KATEX}.tgz'
            if hashlib.sha256(package.read_bytes()).hexdigest()!=KATEX_SHA256: return False
            with tarfile.open(package) as t: t.extractall(tmp) # its digest is pinned, and older Pythons know no filter
            shutil.copytree(Path(tmp)/'package/dist', kept)
    libs = out/'site_libs/katex'
    (libs/'contrib').mkdir(parents=True)
    for f in ('katex.min.css', 'katex.min.js', 'contrib/auto-render.min.js'): shutil.copy(kept/f, libs/f)
    shutil.copytree(kept/'fonts', libs/'fonts', ignore=shutil.ignore_patterns('*.woff', '*.ttf'))
    return True


def as_mathml(match):
    "LaTeX to MathML, which browsers draw without scripts or fonts of ours"
    tex = re.sub(r'^\\[\[(]|\\[\])]$', '', html.unescape(match[2]).strip()).strip()
    return convert(tex, display='block' if match[1]=='display' else 'inline')


def localise(page, out, cfg, renamed, maths):
    "Maths, links and sources of one page, nothing from elsewhere"
    rel,name = os.path.relpath(out, page.parent),str(page.relative_to(out))
    text = page.read_text(encoding='utf-8')
    if maths: text = re.sub(r'https://cdn\.jsdelivr\.net/npm/katex@[\d.]+/dist', f'{rel}/site_libs/katex', text)
    else: text = re.sub(r'<span class="math (inline|display)">(.*?)</span>', as_mathml, text, flags=re.S)
    text = re.sub(r'<link[^>]*cdn\.jsdelivr[^>]*>|<script[^>]*cdn\.jsdelivr[^>]*>\s*</script>', '', text)
    text = re.sub(r'\[(`[^`\]]+`)\]\(https?://[^)\s]*\)', r'\1', text) # links that landed inside code
    text = text.replace(f'href="{cfg.doc_host}{cfg.doc_baseurl}/', f'href="{rel}/')
    text = re.sub(r'href="((?:\.\./)*(?:\./)?)"(?=[^>]*class="navbar-brand)|(?<=class="navbar-brand" )href="((?:\.\./)*(?:\./)?)"',
                  f'href="{rel}/index.html"', text) # a folder is no page where the site is a file
    new = name.replace('.html', '.ipynb')
    if new in renamed: text = text.replace(f'/{cfg.nbs_path.name}/{new}"', f'/{cfg.nbs_path.name}/{renamed[new]}"')
    if name in MADE: text = re.sub(rf'<a [^>]*/{page.stem}\.md"[^>]*>.*?</a>', '', text)
    if name=='draw.html':
        scripts = ''.join(f'<script src="{rel}/site_libs/{s}.js" defer></script>\n' for s in draw_docs.SCRIPTS)
        text = text.replace('</head>', f'{scripts}</head>', 1)
    script = PLAYGROUNDS.get(page.stem)
    if script:
        scripts = ''.join(f'<script src="{rel}/site_libs/{s}.js" defer></script>\n' for s in ('playground', script))
        text = text.replace('</head>', f'{scripts}</head>', 1)
        before,inside,after = re.split('(?=<main)|(?<=</main>)', text)
        place = '<div class="playground" id="playground"></div>\n' # above the first heading, below the formula
        text = before+re.sub(r'(<section[^>]*>\s*)?<h2[ >]', place+r'\g<0>', inside, count=1)+after
    page.write_text(text, encoding='utf-8')


def methods(out):
    "A link to a method leads to its class where the method has no heading of its own"
    texts = {p: p.read_text(encoding='utf-8') for p in out.rglob('*.html')}
    ids = {p: set(re.findall(r'\bid="([^"]+)"', t)) for p,t in texts.items()}
    for page,text in texts.items():
        def lead(m):
            target = page if not m[1] else Path(os.path.normpath(page.parent/m[1]))
            known = f'{m[2]}.{m[3]}' in ids.get(target, set())
            return m[0] if known else f'href="{m[1]}#{m[2]}"'
        page.write_text(re.sub(r'href="([^":#]*)#(\w+)\.(\w+)"', lead, text), encoding='utf-8')


def figures(out):
    "Pictures of the pages as files: (page, anchor, file, alternative text) of each"
    found = []
    for page in sorted(out.rglob('*.html'), key=lambda p: (p.parent.name!='results', str(p))):
        name,rel = page.relative_to(out).with_suffix(''),os.path.relpath(out, page.parent)
        text,anchor,n = page.read_text(encoding='utf-8'),'',0
        title = html.unescape(re.sub('<[^>]*>', '', (re.search(r'<h1[^>]*>(.*?)</h1>', text, re.S) or ['', str(name)])[1]))
        def put(m):
            nonlocal anchor,n
            if m[1]: anchor = m[1]; return m[0]
            before,mime,data,after = m[2],m[3],m[4],m[5]
            n += 1
            file = f'figures/{str(name).replace("/", "-")}-{n}.{mime.split("+")[0]}'
            (out/file).parent.mkdir(exist_ok=True)
            (out/file).write_bytes(content := base64.b64decode(data))
            wide = mime=='png' and int.from_bytes(content[16:20], 'big')>WIDE
            alt = re.search(r'alt="([^"]*)"', before+after)
            if anchor!='best-figure': found.append((f'{name}.html', anchor, file, alt[1] if alt else html.escape(title), title))
            loud = '' if alt else f' alt="{html.escape(title)}"'
            return f'<img {before}src="{rel}/{file}" loading="lazy"{loud}{" data-wide" if wide else ""}{after}>'
        text = re.sub(r'<div[^>]*\bid="(cell-\d+|best-figure)"[^>]*>|<img ([^>]*?)src="data:image/([\w+]+);base64,([^"]+)"([^>]*)>', put, text)
        page.write_text(text, encoding='utf-8')
    return found


def gallery(out, found):
    "Every figure once, linked to its place"
    tiles = '\n'.join(f'<a class="tile" href="{page}#{anchor}"><img src="{file}" loading="lazy" alt="{alt}"><span>{html.escape(title)}</span></a>'
                      for page,anchor,file,alt,title in found)
    page = out/'gallery.html'
    text = page.read_text(encoding='utf-8')
    page.write_text(text.replace('<div class="gallery"></div>', f'<div class="gallery">\n{tiles}\n</div>'), encoding='utf-8')


def search(out):
    "The index as a script, since a page opened as a file may not fetch"
    (out/'search.js').write_text('window.searchIndex = '+(out/'search.json').read_text(encoding='utf-8').replace('</', '<\\/')+';\n', encoding='utf-8')
    script = out/'site_libs/smalldocs.js'
    text = script.read_text(encoding='utf-8')
    ask = 'const r = await fetch(offset + "search.json");\n      index = await r.json();'
    if ask not in text: raise SystemExit('smalldocs reads its index in a new way: see search() in tools/build_docs.py')
    load = ('await new Promise((ok, no) => { const s = document.createElement("script"); s.src = offset + "search.js"; '
            's.onload = ok; s.onerror = no; document.head.appendChild(s); });\n      index = window.searchIndex;')
    script.write_text(text.replace(ask, load), encoding='utf-8')


def main():
    cfg = get_config()
    cache = proc_nbs(force=True, n_workers=2)
    renamed = rename_pages(cache)
    for page in cache.rglob('*.ipynb'): prepare(page, cache)
    front_figure(cache)
    (cache/'gallery.md').write_text('---\ntitle: Gallery\ndescription: Every figure of the site; each leads to its place.\n'
                                    'toc: false\n---\n\n```{=html}\n<div class="gallery"></div>\n```\n')
    drawing,why = draw_docs.begin(cache)
    if why: print(f'the page on which one draws a digit is left out: {why}')
    settle(cache, cfg)
    subprocess.run([sys.executable, '-m', 'smalldocs.cli', 'render', str(cache)], check=True, stdout=subprocess.DEVNULL)
    out = cache/cfg.doc_path.name
    maths = katex(out)
    for page in out.rglob('*.html'): localise(page, out, cfg, renamed, maths)
    methods(out)
    gallery(out, figures(out))
    search(out)
    for script in SITE.glob('*.js'): shutil.copy(script, out/'site_libs')
    if drawing: draw_docs.finish(out/'site_libs', drawing)
    for sheet in out.rglob('*.css'):
        text = sheet.read_text(encoding='utf-8')
        sheet.write_text(re.sub(r'@import\s*url\(["\']?https?://[^)]*\)\s*;', '', text), encoding='utf-8')
    shutil.rmtree(cfg.doc_path, ignore_errors=True)
    shutil.move(out, cfg.doc_path)


if __name__=='__main__': main()
