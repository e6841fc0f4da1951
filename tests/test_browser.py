"A real browser: the site by itself, and a slider in JupyterLab"
import functools
import http.server
import json
import os
import platform
import secrets
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import pytest

CHROMIUM = shutil.which('chromium') or shutil.which('chromium-browser') or shutil.which('google-chrome')
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync']
pytestmark = pytest.mark.skipif(not CHROMIUM, reason='no Chromium')


@pytest.fixture(scope='module')
def browser():
    sync = pytest.importorskip('playwright.sync_api')
    with sync.sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield b
        b.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass


@pytest.fixture(scope='module')
def site(root):
    "The built site on loopback"
    if not (root/'_docs/index.html').exists():
        subprocess.run([sys.executable, 'tools/build_docs.py'], cwd=root, env={**os.environ, 'PYTHONPATH': str(root)}, check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=str(root/'_docs')))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


def test_the_site_is_complete_and_asks_nobody(browser, site, root):
    page = browser.new_page()
    outside,wrong = [],[]
    page.on('request', lambda r: outside.append(r.url) if not r.url.startswith((site, 'data:')) else None)
    page.on('response', lambda r: wrong.append(f'{r.status} {r.url}') if r.status>=400 else None)
    page.on('pageerror', lambda e: wrong.append(str(e)))
    seen,todo,maths = set(),[urljoin(site, 'index.html')],0
    while todo:
        url = todo.pop()
        seen.add(url)
        page.goto(url)
        assert page.locator('h1').first.is_visible(), url
        maths += page.locator('.katex, span.math > math').count()
        assert not page.locator('.katex-error').count(), url
        assert not page.locator('span.math:not(:has(.katex))').count(), url # no maths left as source
        assert page.locator('img:not([alt]), img[alt=""]').count()==0, url
        assert '`](http' not in page.inner_text('body'), url # nor a link as source
        links = {urldefrag(urljoin(url, h))[0] for h in page.eval_on_selector_all('a[href]', 'els => els.map(e => e.getAttribute("href"))')}
        todo += [l for l in links if l.startswith(site) and l.endswith(('.html', '/')) and l not in seen and l not in todo]
    page.close()
    assert not outside and not wrong
    assert len(seen)>=len(list((root/'nbs').rglob('[0-9i]*.ipynb'))) and maths>20


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_search_is_readable_and_works_from_a_file(scheme, browser, site, root):
    page = browser.new_page(color_scheme=scheme)
    page.goto((root/'_docs/index.html').as_uri())
    page.locator('.smalldocs-search input').fill('kappa')
    page.locator('.search-result-text').first.wait_for(state='visible')
    luminance = """e => { const f = c => { const [r,g,b] = c.match(/[\\d.]+/g).map(Number)
        .map(v => v/255).map(v => v<=.04 ? v/12.92 : ((v+.055)/1.055)**2.4); return .2126*r+.7152*g+.0722*b };
        const box = e.closest('.smalldocs-search-results');
        return [f(getComputedStyle(e).color), f(getComputedStyle(box).backgroundColor)] }"""
    dark,light = sorted(page.locator('.search-result-text').first.evaluate(luminance))
    assert (light+.05)/(dark+.05)>4.5
    page.locator('.search-result').first.click()
    page.wait_for_load_state()
    assert page.url.startswith('file:') and page.locator('h1').first.is_visible()
    page.close()


def test_nothing_wider_than_a_phone(browser, site, root):
    page,wide = browser.new_page(viewport={'width': 390, 'height': 844}),[]
    for p in sorted((root/'_docs').rglob('*.html')):
        page.goto(site+str(p.relative_to(root/'_docs')))
        if page.evaluate('document.documentElement.scrollWidth')>390: wide.append(p.name)
    page.close()
    assert not wide


def test_a_hundred_characters_fit(browser, site):
    page = browser.new_page(viewport={'width': 1400, 'height': 900})
    page.goto(site+'geometry.cantor.html')
    fits = page.locator('main pre code').first.evaluate("""e => { e.textContent = 'm'.repeat(100);
        const p = e.closest('pre'); return p.scrollWidth<=p.clientWidth }""")
    page.close()
    assert fits


def test_a_results_page_opens_with_its_answer(browser, site):
    page = browser.new_page()
    page.goto(site+'results/does_it_help.html')
    heads = page.locator('main h2').all_inner_texts()
    assert heads[0].startswith('Answer') and heads[1].startswith('Method')
    assert page.locator('main img').first.bounding_box()['y']<page.locator('main h2').nth(1).bounding_box()['y']
    assert page.locator('main details.code-fold').count() and not page.locator('details.code-fold[open]').count()
    sections = page.locator('#quarto-sidebar .depth1').evaluate_all('els => els.map(e => e.parentElement.innerText.split("\\n")[0])')
    assert sections.index('Results')<sections.index('Library')
    page.close()


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@pytest.fixture(scope='module')
def lab(root, tmp_path_factory):
    "JupyterLab on loopback with a home of its own: address and token"
    tmp_path,port,token = tmp_path_factory.mktemp('lab'),free_port(),secrets.token_hex(16)
    shutil.copytree(root/'nbs', tmp_path/'nbs', ignore=shutil.ignore_patterns('.ipynb_checkpoints'))
    env = {**os.environ, **{f'JUPYTER{n}': str(tmp_path/'home'/n) for n in ('_CONFIG_DIR', '_DATA_DIR', '_RUNTIME_DIR', 'LAB_SETTINGS_DIR', 'LAB_WORKSPACES_DIR')}, 'IPYTHONDIR': str(tmp_path/'home/ipython'), 'JUPYTER_PATH': str(tmp_path/'home/share/jupyter')}
    kernel = [sys.executable, '-m', 'ipykernel', 'install', '--prefix', str(tmp_path/'home'), '--name', 'python3', '--display-name', 'python3'] # as make does
    subprocess.run(kernel, env=env, check=True, capture_output=True)
    said = open(tmp_path/'lab.log', 'w')
    p = subprocess.Popen([sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--allow-root', '--ip=127.0.0.1', f'--port={port}', '--ServerApp.port_retries=0',
        f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={tmp_path/"nbs"}', '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None',
        '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate'], stdout=said, stderr=subprocess.STDOUT, env=env)
    address,until = f'http://127.0.0.1:{port}',time.monotonic()+180
    try:
        while True:
            try: urllib.request.urlopen(f'{address}/api/status?token={token}', timeout=2).close(); break
            except OSError:
                assert p.poll() is None and time.monotonic()<until, Path(said.name).read_text()
                threading.Event().wait(.2)
        yield address,token
    finally:
        stop(p, address, token)
        said.close()


def stop(server, address, token):
    "Asked to shut down, which also ends its kernels; a server that does not answer gets a signal"
    ask = urllib.request.Request(f'{address}/api/shutdown', method='POST',
                                 headers={'Authorization': f'token {token}'})
    try: urllib.request.urlopen(ask, timeout=30).close()
    except OSError: server.terminate()
    try: server.wait(60)
    except subprocess.TimeoutExpired: server.kill(); server.wait()


IDLE = """() => { const k = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext?.session?.kernel;
                  return k && k.status==='idle' && k.connectionStatus==='connected' }"""


def opened(browser, lab, notebook):
    "The page of a notebook whose kernel is ready"
    (address,token),page = lab,browser.new_page(viewport={'width': 1366, 'height': 768})
    page.set_default_timeout(120_000)
    page.goto(f'{address}/lab/tree/{notebook}?token={token}&reset')
    page.wait_for_function('() => window.jupyterapp?.shell?.currentWidget?.context?.isReady')
    page.wait_for_function(IDLE)
    return page


def test_an_opened_notebook_is_not_unsaved_and_shows_its_pictures(lab, browser, root):
    name = '12_geometry.foci.ipynb'
    wrote = json.loads((root/'nbs'/name).read_text(encoding='utf-8'))['metadata']['language_info']
    page = opened(browser, lab, name)
    dirty = page.evaluate("""async () => { const c = window.jupyterapp.shell.currentWidget.context, k = c.sessionContext.session.kernel;
        await k.info; await k.spec; return c.model.dirty }""")
    page.evaluate("""() => { const n = window.jupyterapp.shell.currentWidget.content; n.scrollToItem(n.widgets.length-2) }""")
    cell = page.locator('.jp-CodeCell', has_text='explore_foci()').last
    cell.locator('.jp-OutputArea img').wait_for(state='visible') # instead of the widget, which has no kernel yet
    page.close()
    if wrote['version']!=platform.python_version(): pytest.skip('notebooks name the Python they ran on, and this is another')
    assert not dirty


BESIDE = """e => { const out = e.closest('.jp-OutputArea-output'), controls = e.previousElementSibling;
    out.scrollIntoView({block: 'center'});
    const all = out.getBoundingClientRect(), page = e.closest('.jp-NotebookPanel-notebook').getBoundingClientRect();
    const [left, right] = [controls, e].map(x => x.getBoundingClientRect());
    return left.right<=right.left && right.width*2===e.naturalWidth && right.right<=all.right
        && all.top>=page.top && all.bottom<=page.bottom && out.scrollWidth<=out.clientWidth }"""


@pytest.mark.parametrize('notebook, control', [('10_geometry.cantor.ipynb', 'levels'), ('11_geometry.simplex.ipynb', 'k'), ('13_geometry.kappa.ipynb', 'n'),
    ('26_data.polylipse.ipynb', 'n_foci'), ('30_models.heads.ipynb', 'k'), ('40_losses.ipynb', 'classes'), ('52_training.basin.ipynb', 'epochs')])
def test_a_slider_redraws_the_figure(notebook, control, lab, browser):
    page = opened(browser, lab, notebook)
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
    figure = page.locator('img.explore-figure').last
    figure.wait_for(state='visible')
    page.wait_for_function(IDLE)
    handle,readout = (page.locator(f'.explore-{control} {part}').last for part in ('.noUi-handle', '.widget-readout'))
    before,shown = figure.get_attribute('src'),readout.inner_text()
    handle.focus()
    assert figure.get_attribute('src')==before # focus alone draws nothing
    for _ in range(2): page.keyboard.press('ArrowRight')
    page.wait_for_function('([old]) => { const e=[...document.querySelectorAll("img.explore-figure")].pop(); return e && e.src!==old }', arg=[before])
    assert readout.inner_text()!=shown
    assert figure.evaluate(BESIDE) # the whole widget is seen, its controls at the left of the figure
    page.close()
