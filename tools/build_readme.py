"README.md from nbs/index.ipynb: Markdown cells, code and their text outputs, without Quarto"
import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def outputs(cell):
    "Markdown and text outputs of a cell; pictures and everything else stay on the site"
    for o in cell.get('outputs', []):
        data = o.get('data', {})
        if 'text/markdown' in data: yield ''.join(data['text/markdown'])
        elif o['output_type']=='stream': yield '```\n'+''.join(o['text']).rstrip()+'\n```'
        elif 'text/plain' in data and 'image/png' not in data: yield '```\n'+''.join(data['text/plain']).rstrip()+'\n```'


def readme():
    "The text of README.md"
    parts = ['<!-- Written by `make readme` from nbs/index.ipynb. Edit the notebook. -->']
    for cell in json.loads((ROOT/'nbs/index.ipynb').read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source']).strip()
        if cell['cell_type']=='markdown': parts.append(source)
        elif cell['cell_type']=='code' and '#| hide' not in source:
            code = '\n'.join(l for l in source.splitlines() if not l.startswith('#|')).strip()
            if '#| echo: false' not in source and code: parts.append(f'```python\n{code}\n```')
            parts.extend(outputs(cell))
    text = '\n\n'.join(p for p in parts if p)
    return re.sub(r'\]\((?!https?:|#)([\w/.-]+\.ipynb)\)', r'](nbs/\1)', text)+'\n'


if __name__=='__main__':
    (ROOT/'README.md').write_text(readme(), encoding='utf-8')
    print('README.md written', file=sys.stderr)
