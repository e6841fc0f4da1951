"The documentation site: nbdev's processors, then smalldocs, then no reference leaves the site"
import html
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

warnings.simplefilter('ignore')
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from latex2mathml.converter import convert
from nbdev.config import get_config
from nbdev.serve import proc_nbs


def rename_pages(cache):
    "Give pages the names nbdev's cross-links expect, which smalldocs does not read"
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


def as_mathml(match):
    "LaTeX to MathML, which browsers draw without scripts or fonts of ours"
    display = match[1]=='display'
    tex = html.unescape(match[2]).strip()
    tex = re.sub(r'^\\[\[(]|\\[\])]$', '', tex).strip()
    return convert(tex, display='block' if display else 'inline')


def localise(page, out, base):
    "Maths as MathML, own links relative and none inside code, nothing from elsewhere"
    rel = os.path.relpath(out, page.parent)
    text = page.read_text(encoding='utf-8')
    text = re.sub(r'<span class="math (inline|display)">(.*?)</span>', as_mathml, text, flags=re.S)
    text = re.sub(r'<link[^>]*cdn\.jsdelivr[^>]*>|<script[^>]*cdn\.jsdelivr[^>]*>\s*</script>', '', text)
    text = re.sub(r'\[(`[^`\]]+`)\]\(https?://[^)\s]*\)', r'\1', text) # links that landed inside code, where they are not links
    text = text.replace(f'href="{base}/', f'href="{rel}/').replace('</head>', '<link rel="icon" href="data:,"></head>', 1)
    page.write_text(text, encoding='utf-8')


def main():
    cfg = get_config()
    cache = proc_nbs(force=True, n_workers=2)
    rename_pages(cache)
    subprocess.run([sys.executable, '-m', 'smalldocs.cli', 'render', str(cache)], check=True, stdout=subprocess.DEVNULL)
    out = cache/cfg.doc_path.name
    for page in out.rglob('*.html'): localise(page, out, cfg.doc_host+cfg.doc_baseurl)
    for sheet in out.rglob('*.css'):
        text = sheet.read_text(encoding='utf-8')
        sheet.write_text(re.sub(r'@import\s*url\(["\']?https?://[^)]*\)\s*;', '', text), encoding='utf-8')
    shutil.rmtree(cfg.doc_path, ignore_errors=True)
    shutil.move(out, cfg.doc_path)


if __name__=='__main__': main()
