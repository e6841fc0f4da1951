"A real browser: the site, its pages that turn, and JupyterLab"
import base64
import functools
import http.server
import itertools
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
from urllib.parse import unquote, urldefrag, urljoin

import numpy as np
import pytest

NAMES = 'chromium', 'chromium-browser', 'google-chrome'
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
         '--disable-background-networking', '--disable-component-update', '--disable-sync']
pytestmark = pytest.mark.skipif(not CHROMIUM, reason='no Chromium: apt-get install chromium')
PHONE,LAPTOP,DESK = (dict(width=w, height=h) for w,h in ((390, 844), (1366, 768), (1400, 900)))
RESULTS = 'results/does_it_help.html'


@pytest.fixture(scope='module')
def browser():
    sync = pytest.importorskip('playwright.sync_api')
    with sync.sync_playwright() as p:
        b = p.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield b
        b.close()


def stale(root):
    "Was a source of the site changed after it was built?"
    built = root/'_docs/index.html'
    sources = [root/'_quarto.yml', root/'settings.ini', *(root/'nbs').rglob('*.*'),
               *(root/'tools/site').iterdir(), *(root/'tools').glob('*_docs.py')]
    scratch = lambda p: any(n.startswith(('.', '_scratch')) for n in p.relative_to(root).parts)
    times = [p.stat().st_mtime for p in sources if p.is_file() and not scratch(p)]
    return not built.exists() or max(times)>built.stat().st_mtime


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass


@pytest.fixture(scope='module')
def docs(root):
    "The site as it is built from what lies here"
    if stale(root):
        env = {**os.environ, 'PYTHONPATH': str(root)}
        done = subprocess.run([sys.executable, 'tools/build_docs.py'], cwd=root, env=env, text=True,
                              capture_output=True)
        assert not done.returncode, done.stderr[-3000:]
    return root/'_docs'


@pytest.fixture(scope='module')
def site(docs):
    "On loopback"
    handler = functools.partial(Quiet, directory=str(docs))
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f'http://127.0.0.1:{server.server_port}/'
    server.shutdown()


def inside(name, link):
    "Where a page's link leads within the site: (page or file, anchor), or None"
    url,anchor = urldefrag(urljoin(f'http://site/{name}', link))
    return (unquote(url[12:]), unquote(anchor)) if url.startswith('http://site/') else None


# Every page once; the tests below ask what was seen

SEEN = """() => {
  const all = q => [...document.querySelectorAll(q)], seen = e => e.checkVisibility();
  return {
    title: all('h1').filter(seen).map(e => e.innerText),
    heads: all('main h2').map(e => e.innerText),
    formulas: all('.katex, span.math > math').length, broken: all('.katex-error').length,
    source: all('span.math').filter(e => !e.querySelector('.katex, math')).length,
    links: all('a[href]').map(e => e.getAttribute('href')),
    ids: all('[id]').map(e => e.id),
    images: all('img').map(e => [e.getAttribute('src'), e.getAttribute('alt')]),
    figure: all('main h2, main img').map(e => e.tagName).indexOf('IMG'),
    code: all('main pre code').filter(seen).map(e => e.innerText.trim().split('\\n').length),
    open: all('details.code-fold[open]').length,
    folded: all('details.code-fold').length,
    tables: all('main table th').map(e => e.innerText), text: document.body.innerText,
    wide: all('main pre').filter(e => seen(e) && e.scrollWidth>e.clientWidth+1)
                         .map(e => e.innerText) }
}"""
NARROW = """() => {
  const boxes = [...document.querySelectorAll('main :is(pre, table, .katex-display, img, svg)')];
  const cut = e => { for (let p = e; p && p.tagName!='MAIN'; p = p.parentElement)
    if (['auto', 'scroll'].includes(getComputedStyle(p).overflowX)) return false;
    return e.getBoundingClientRect().right>innerWidth+1 };
  return [document.documentElement.scrollWidth,
          boxes.filter(e => e.checkVisibility() && cut(e)).length]
}"""


@pytest.fixture(scope='module')
def pages(browser, site, docs):
    "Name -> what a page shows, at 1400 pixels and on a phone; and what went wrong meanwhile"
    page,found,wrong = browser.new_page(viewport=DESK),{},[]
    page.on('request', lambda r: None if r.url.startswith((site, 'data:', 'blob:')) else wrong.append(r.url))
    page.on('response', lambda r: wrong.append(f'{r.status} {r.url}') if r.status>=400 else None)
    page.on('pageerror', lambda e: wrong.append(f'{page.url}: {e}'))
    page.on('console', lambda m: wrong.append(f'{page.url}: {m.text}') if m.type=='error' else None)
    for p in sorted(docs.rglob('*.html')):
        page.goto(site+p.relative_to(docs).as_posix())
        name = p.relative_to(docs).as_posix()
        facts = found[name] = page.evaluate(SEEN)
        facts['inside'] = [inside(name, link) for link in set(facts['links'])]
        page.set_viewport_size(PHONE)
        facts['narrow'] = page.evaluate(NARROW)
        page.set_viewport_size(DESK)
    page.close()
    return found,wrong


def test_nothing_is_asked_of_others_and_no_script_fails(pages):
    assert not pages[1]


def test_every_notebook_has_a_page_that_can_be_reached(pages, root):
    pages,_ = pages
    assert len(pages)>=len(list((root/'nbs').rglob('[0-9a-z]*.ipynb')))
    reached,todo = set(),['index.html']
    while todo:
        reached.add(name := todo.pop())
        todo += {p for p,_ in filter(None, pages[name]['inside'])}&pages.keys()-reached
    assert reached==set(pages)
    assert all(p['title'] for p in pages.values())


def test_no_link_is_dead(pages, docs):
    pages,_ = pages
    ids = {name: {'', 'top', *p['ids']} for name,p in pages.items()}
    dead = [(name, page, anchor) for name,p in pages.items()
            for page,anchor in filter(None, p['inside'])
            if not (docs/page).is_file() or anchor not in ids.get(page, {anchor})]
    assert not dead
    assert not [n for n,p in pages.items() if '`](http' in p['text'] or '.ipynb)' in p['text']]


def test_repository_issues_and_sources_follow_one_setting(pages, root):
    from nbdev.config import get_config
    pages,url = pages[0],get_config(cfg_name='settings.ini', path=root).git_url
    for name,p in pages.items():
        assert {url, f'{url}/issues/new'}<=set(p['links']), name
        own = [l for l in p['links'] if '/blob/' in l and l.endswith('.ipynb')]
        assert own or name in ('gallery.html', 'draw.html'), name
        for l in own:
            assert l.startswith(f'{url}/blob/main/'), l
            assert (root/l.removeprefix(f'{url}/blob/main/')).is_file(), l


def test_images_have_a_text_and_a_file(pages, docs):
    for name,p in pages[0].items():
        for src,alt in p['images']:
            assert alt and alt.strip() and (docs/name).parent.joinpath(src).is_file(), (name, src)


def test_formulas_are_set(pages, docs, browser, site):
    pages,_ = pages
    assert not [n for n,p in pages.items() if p['broken'] or p['source']]
    assert sum(p['formulas'] for p in pages.values())>200
    if not (docs/'site_libs/katex').is_dir(): return # MathML, where npm could not be asked
    page = browser.new_page()
    page.goto(site+'geometry.cantor.html')
    fonts = page.evaluate("""document.fonts.ready.then(all => [...all].filter(f =>
        f.status=='loaded').map(f => f.family))""")
    assert any('KaTeX' in f for f in fonts)
    page.close()


def test_nothing_is_wider_than_its_window(pages):
    pages,_ = pages
    assert not {n: p['wide'] for n,p in pages.items() if p['wide']} # code and text outputs at 1400
    assert not {n: p['narrow'] for n,p in pages.items() if p['narrow']!=[PHONE['width'], 0]}


def test_components_have_parameter_tables(pages):
    pages,_ = pages
    for name in ('geometry.cantor.html', 'geometry.foci.html', 'estimator.html', 'cgd.html'):
        assert {'Type', 'Details'}<={h.strip() for h in pages[name]['tables']}, name


def test_a_results_page_opens_with_its_answer(pages):
    results = {n: p for n,p in pages[0].items() if n.startswith('results/')}
    assert len(results)>=8
    for name,p in results.items():
        assert p['heads'][0].startswith('Answer'), name
        assert p['heads'].index('Method')==1 and p['figure']==1, name # the best figure in between
        assert p['folded'] and not p['open'] and max(p['code'])<=8, name


def test_results_come_before_internals(browser, site):
    page = browser.new_page(viewport=DESK)
    page.goto(site+RESULTS)
    parts = page.locator('#quarto-sidebar .depth1').evaluate_all(
        'els => els.map(e => e.parentElement.innerText.split("\\n")[0])')
    page.close()
    assert parts.index('Results')<parts.index('Library')


def test_the_front_page_says_what_came_out(pages, root):
    from geofractal_nb.runner import read_result
    pages,_ = pages
    front = pages['index.html']
    assert front['figure']==0 # before any heading
    for command in ('make run', 'make test'): assert command in front['text']
    start,stop = (front['heads'].index(h) for h in ('The answers', 'Use it'))
    assert start<stop
    *_,said = read_result(root/'nbs/results/does_it_help.ipynb')['answer']
    assert said.replace('*', '').partition('? ')[2] in front['text']
    for n in ('does_it_help', 'basin_vs_baselines', 'basin_ablation', 'open_set', 'replication'):
        assert (f'results/{n}.html', '') in front['inside'], n


def test_the_gallery_shows_every_figure_once(browser, site, docs):
    page = browser.new_page(viewport=DESK)
    page.goto(site+'gallery.html')
    shown = page.eval_on_selector_all('.gallery .tile > img',
                                      "els => els.map(e => e.getAttribute('src'))")
    drawn = page.evaluate("""() => Promise.all([...document.querySelectorAll('.gallery img')]
        .map(async e => { e.loading = 'eager'; await e.decode(); return e.naturalWidth }))""")
    page.close()
    assert len(shown)==len(set(shown))>60 and min(drawn)>50
    used = {p for p in (docs/'figures').iterdir() if p.relative_to(docs).as_posix() not in shown}
    kept = {(docs/s).read_bytes() for s in shown}
    assert all(p.read_bytes() in kept for p in used) # a best figure opens its page as well


# Light and dark

READABLE = """() => {
  const parse = c => [...c.match(/[\\d.]+/g).map(Number), 1].slice(0, 4); // opaque if not said
  const over = (a, b) => a.slice(0, 3).map((v, i) => v*a[3]+b[i]*(1-a[3]));
  const ground = e => { const stack = [];
    for (let p = e; p; p = p.parentElement)
      stack.push(parse(getComputedStyle(p).backgroundColor));
    return stack.reverse().reduce((below, c) => over(c, below), [255, 255, 255]) };
  const linear = v => v<=.04 ? v/12.92 : ((v+.055)/1.055)**2.4;
  const light = c => { const [r, g, b] = c.map(v => linear(v/255));
    return .2126*r+.7152*g+.0722*b };
  const ratio = e => { const b = ground(e), ink = over(parse(getComputedStyle(e).color), b);
    const [x, y] = [light(ink), light(b)];
    return (Math.max(x, y)+.05)/(Math.min(x, y)+.05) };
  const what = 'h1, h2, main p, main li, main a, main td, main th, main pre, main summary, '
    + 'main :not(pre) > code, .navbar .nav-link, .sidebar-link, #TOC a, .breadcrumb a, '
    + '.playground :is(p, span, output, select), '
    + '.smalldocs-search-results :is(.search-result-title, .search-result-text)';
  const least = {};
  for (const e of document.querySelectorAll(what)) {
    if (!e.checkVisibility() || !e.innerText?.trim()) continue;
    const r = ratio(e);
    if (r<4.5) least[`${e.tagName}.${e.className} ${e.innerText.slice(0, 30)}`] = r;
  }
  return least }"""


DARK = "document.documentElement.classList.contains('quarto-dark')"


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_words_can_be_read(scheme, browser, site):
    page = browser.new_page(color_scheme=scheme, viewport=DESK)
    for name in ('index.html', RESULTS, 'geometry.cantor.html', 'gallery.html', 'estimator.html'):
        page.goto(site+name)
        assert page.evaluate(DARK)==(scheme=='dark')
        assert not page.evaluate(READABLE), name
    page.close()


def test_a_chosen_scheme_is_kept(browser, site):
    context = browser.new_context(color_scheme='light', viewport=DESK)
    page = context.new_page()
    page.goto(site+'index.html')
    page.locator('.quarto-color-scheme-toggle').click()
    page.goto(site+RESULTS)
    assert page.evaluate(DARK)
    context.close()


@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_search_is_readable_and_works_from_a_file(scheme, browser, docs):
    page = browser.new_page(color_scheme=scheme)
    page.goto((docs/'index.html').as_uri())
    page.locator('.smalldocs-search input').fill('kappa')
    page.locator('.search-result-text').first.wait_for(state='visible')
    assert not page.evaluate(READABLE)
    page.locator('.search-result').first.click()
    page.wait_for_url(lambda url: not url.endswith('index.html'))
    assert page.url.startswith('file:') and page.locator('h1').first.is_visible()
    page.close()


def test_a_hundred_characters_fit(browser, site):
    page = browser.new_page(viewport=DESK)
    page.goto(site+'geometry.cantor.html')
    fits = page.locator('main pre code').first.evaluate("""e => { e.textContent = 'm'.repeat(100);
        const p = e.closest('pre'); return p.scrollWidth<=p.clientWidth }""")
    page.close()
    assert fits


# Pages that turn

@pytest.fixture
def turning(browser, docs):
    "Opens a page as a file, as a reader without a server does"
    opened = []
    def open_page(name, **options):
        page = browser.new_page(**options)
        opened.append(page)
        page.goto((docs/name).as_uri())
        page.locator('#playground svg').wait_for(state='visible')
        return page
    yield open_page
    for page in opened: page.close()


def test_the_sites_stairs_are_the_librarys(turning):
    from geofractal_nb.geometry.cantor import cantor_function, soft_stairs
    page,x = turning('geometry.cantor.html'),np.linspace(0, 1, 244)
    exact = page.evaluate('xs => xs.map(x => cantor.exactStairs(x))', x.tolist())
    assert np.abs(cantor_function(x).numpy()-exact).max()<1e-6
    for given in ((.5, .25, 5), (1., .05, 3), (-.5, .001, 10), (1.5, 3., 1)):
        values,digits = page.evaluate("""([xs, ...given]) => {
            const found = xs.map(x => cantor.softStairs(x, ...given));
            return [found.map(f => f.value), found.map(f => f.digits)] }""", [x.tolist(), *given])
        ours = soft_stairs(x, *given)
        assert np.abs(ours[0].numpy()-values).max()<1e-6, given
        assert np.abs(ours[1].numpy()-digits).max()<1e-6, given


def test_the_sites_foci_are_the_librarys(turning):
    from geofractal_nb.geometry.foci import equispaced_angles, feasible_kappa
    from geofractal_nb.geometry.foci import solve_focal_config
    page = turning('geometry.foci.html')
    methods = page.evaluate('foci.METHODS')
    assert methods==['maxent', 'least_norm', 'sparse']
    numbers,kappas = (1, 2, 3, 4, 5, 8, 27, 32),(.01, .2, 1., 1.42, 30., 100.)
    for n in numbers:
        angles = equispaced_angles(n)
        reach = page.evaluate('a => foci.feasible(a).map(String)', angles.tolist())
        reach = [float(r.replace('Infinity', 'inf')) for r in reach]
        np.testing.assert_allclose(reach, feasible_kappa(angles), rtol=1e-9)
    asked = list(itertools.product(numbers, kappas, methods))
    found = page.evaluate("""asked => asked.map(a => { const s = foci.solve(...a);
        return {...s, moments: foci.moments(s.angles, s.weights)} })""", asked)
    for (n,kappa,method),site in zip(asked, found):
        ours,about = solve_focal_config(n, kappa, method=method),f'{n} {kappa} {method}'
        assert site['adjusted']==ours.adjusted.item(), about
        np.testing.assert_allclose(site['angles'], ours.angles, atol=1e-9, err_msg=about)
        w,v = np.array(site['weights']),ours.weights.numpy()
        if method=='sparse': w,v = np.sort(w),np.sort(v) # of two foci at one height, either
        np.testing.assert_allclose(w, v, atol=1e-6, err_msg=about)
        assert abs(site['moments'][0]/site['moments'][1]/kappa-1)<1e-9, about


@pytest.mark.parametrize('name', ['geometry.cantor.html', 'geometry.foci.html'])
@pytest.mark.parametrize('viewport', [PHONE, LAPTOP])
def test_controls_turn_the_drawing_by_keyboard(name, viewport, turning):
    page,wrong = turning(name, viewport=viewport),[]
    page.on('pageerror', lambda e: wrong.append(str(e)))
    drawing = page.locator('#playground svg')
    controls = page.locator('#playground :is(input, select)')
    assert controls.count()>=3
    for i in range(controls.count()):
        control,before = controls.nth(i),drawing.inner_html()
        assert control.evaluate('e => e.labels[0].innerText.trim().length>0')
        control.focus()
        select = control.evaluate('e => e.tagName')=='SELECT'
        page.keyboard.press('ArrowDown' if select else 'ArrowRight')
        assert drawing.inner_html()!=before, control.get_attribute('name')
    assert drawing.get_attribute('aria-label')
    box = page.locator('#playground').bounding_box()
    for part in page.locator('#playground :is(svg, input, select, output)').all():
        b = part.bounding_box()
        assert box['x']<=b['x'] and b['x']+b['width']<=box['x']+box['width']<=viewport['width']
    assert not wrong


# A page to draw on

@pytest.fixture(scope='module')
def answering(docs):
    "Answers of the page's own model for 64 numbers, by ONNX Runtime in Python"
    ort = pytest.importorskip('onnxruntime')
    if not (docs/'draw.html').is_file(): pytest.skip('the site was built without npm')
    script = (docs/'site_libs/draw-data.js').read_text()
    data = json.loads(script.removeprefix('window.drawData = ').rstrip().rstrip(';'))
    session = ort.InferenceSession(base64.b64decode(data['model']))
    names = [o.name for o in session.get_outputs()]
    def ask(cells):
        rows = np.array([cells], np.float32)
        return {n: v[0] for n,v in zip(names, session.run(None, {'features': rows}))}
    return ask,data


@pytest.fixture(params=['server', 'file', 'phone'])
def paper(request, browser, site, docs):
    "The page, and what it did that it should not; a finger's page on a phone"
    finger = request.param=='phone'
    if not (docs/'draw.html').is_file(): pytest.skip('the site was built without npm')
    context = browser.new_context(viewport=PHONE if finger else DESK, has_touch=finger)
    page,wrong = context.new_page(),[]
    own = site,docs.as_uri(),'data:','blob:'
    page.on('request', lambda r: None if r.url.startswith(own) else wrong.append(r.url))
    page.on('pageerror', lambda e: wrong.append(str(e)))
    page.on('console', lambda m: wrong.append(m.text) if m.type in ('error', 'warning') else None)
    page.goto((docs/'draw.html').as_uri() if request.param=='file' else f'{site}draw.html')
    page.locator('#draw[data-ready=yes]').wait_for()
    yield page,wrong,finger
    context.close()


CIRCLE = [(.5+.2*np.sin(t), .5-.35*np.cos(t)) for t in np.linspace(0, 2*np.pi, 40)]
DRAWN = {0: CIRCLE, 1: [(.52, .1), (.5, .9)], 7: [(.3, .12), (.7, .12), (.45, .9)]}

def stroke(page, points, finger):
    "Draw through points, given in shares of the paper"
    b = page.locator('#draw .pad').bounding_box()
    places = [(b['x']+x*b['width'], b['y']+y*b['height']) for x,y in points]
    if not finger:
        page.mouse.move(*places[0])
        page.mouse.down()
        for p in places[1:]: page.mouse.move(*p, steps=3)
        return page.mouse.up()
    send = page.context.new_cdp_session(page).send
    touch = lambda kind, p=(): send('Input.dispatchTouchEvent', dict(
        type=f'touch{kind}', touchPoints=[dict(x=p[0], y=p[1])] if p else []))
    touch('Start', places[0])
    for p in places[1:]: touch('Move', p)
    touch('End')


def asked(page):
    "The 64 numbers the page last asked about, and its answers"
    page.locator('#draw[data-asked]').wait_for()
    return json.loads(page.locator('#draw').get_attribute('data-asked'))


def test_a_drawn_digit_is_answered_as_by_python(paper, answering):
    (page,wrong,finger),(ask,data) = paper,answering
    for digit,points in DRAWN.items():
        stroke(page, points, finger)
        found = asked(page)
        ours = ask(found['cells'])
        assert len(found['cells'])==64 and 0<=min(found['cells'])<max(found['cells'])<=16
        assert found['predicted']==[int(ours['predicted'])]==[digit]
        for n in ('probabilities', 'contributions', 'score', 'values'):
            assert np.abs(np.ravel(ours[n])-found[n]).max()<1e-4, n
        for n in ('nearest_vertex', 'digits'): assert np.ravel(ours[n]).tolist()==found[n], n
        assert f'This is a {digit}' in page.locator('#draw .said').inner_text()
        assert page.locator('#draw .answer svg').count()==4
        for svg in page.locator('#draw svg').all():
            assert svg.get_attribute('role')=='img' and svg.get_attribute('aria-label')
            b = svg.bounding_box()
            assert 0<=b['x'] and b['x']+b['width']<=page.viewport_size['width']
        page.get_by_role('button', name='Clear').click()
        assert page.locator('#draw .answer svg').count()==0
    assert not wrong


def test_the_ink_is_counted_in_blocks(paper):
    page,grid = paper[0],'strokes => draw.grid(strokes)'
    assert page.evaluate(grid, [])==[0]*64
    upright = np.array(page.evaluate(grid, [[[5, 0], [5, 90]]])).reshape(8, 8)
    assert upright[:,[0, 1, 2, 5, 6, 7]].sum()==0 # a line in the middle, as wide as the pen
    assert (upright[1:7]==[0, 0, 0, 12, 12, 0, 0, 0]).all()
    moved = page.evaluate(grid, [[[505, 100], [505, 1000]]])
    assert moved==upright.ravel().tolist() # size and place do not count
    dot = np.array(page.evaluate(grid, [[[3, 3]]])).reshape(8, 8)
    assert dot.sum()==dot[3:5,3:5].sum()>0 and (dot==dot.T).all()


def test_an_example_is_its_own_class_by_keyboard(paper, answering):
    (page,wrong,_),(ask,data) = paper,answering
    right = 0
    for i in range(10):
        page.get_by_role('button', name='An example').focus()
        page.keyboard.press('Enter')
        found = asked(page)
        own = [c for c,images in enumerate(data['images']) if found['cells'] in images]
        right += found['predicted']==own[:1]
    assert right>=9 and not wrong


# JupyterLab

def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


@pytest.fixture(scope='module')
def lab(root, tmp_path_factory):
    "JupyterLab on loopback with a home of its own: address and token"
    tmp_path,port,token = tmp_path_factory.mktemp('lab'),free_port(),secrets.token_hex(16)
    ignore = shutil.ignore_patterns('.ipynb_checkpoints')
    shutil.copytree(root/'nbs', tmp_path/'nbs', ignore=ignore)
    for p in (tmp_path/'nbs').glob('*.ipynb'): # the copies export nothing
        nb = json.loads(p.read_text())
        nb['cells'] = [c for c in nb['cells'] if 'nbdev_export()' not in ''.join(c['source'])]
        p.write_text(json.dumps(nb))
    places = '_CONFIG_DIR', '_DATA_DIR', '_RUNTIME_DIR', 'LAB_SETTINGS_DIR', 'LAB_WORKSPACES_DIR'
    env = {**os.environ, 'PYTHONPATH': str(root), 'IPYTHONDIR': str(tmp_path/'home/ipython'),
           'JUPYTER_PATH': str(tmp_path/'home/share/jupyter'),
           **{f'JUPYTER{n}': str(tmp_path/'home'/n) for n in places}}
    kernel = [sys.executable, '-m', 'ipykernel', 'install', '--prefix', str(tmp_path/'home'),
              '--name', 'python3', '--display-name', 'python3'] # as make does
    subprocess.run(kernel, env=env, check=True, capture_output=True)
    env.pop('GEOFRACTAL_HEADLESS', None)
    command = [sys.executable, '-m', 'jupyter', 'lab', '--no-browser', '--allow-root',
               '--ip=127.0.0.1', f'--port={port}', '--ServerApp.port_retries=0',
               f'--IdentityProvider.token={token}', f'--ServerApp.root_dir={tmp_path/"nbs"}',
               '--LabApp.expose_app_in_browser=True', '--LabApp.news_url=None',
               '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    news = tmp_path/'home/LAB_SETTINGS_DIR/@jupyterlab/apputils-extension'
    news.mkdir(parents=True)
    (news/'notification.jupyterlab-settings').write_text('{"fetchNews": "false"}')
    said = open(tmp_path/'lab.log', 'w')
    p = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT, env=env)
    address,until = f'http://127.0.0.1:{port}',time.monotonic()+180
    try:
        while True:
            try:
                urllib.request.urlopen(f'{address}/api/status?token={token}', timeout=2).close()
                break
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


READY = '() => window.jupyterapp?.shell?.currentWidget?.context?.isReady'
IDLE = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.context?.sessionContext;
  const k = session?.session?.kernel;
  return k && k.status==='idle' && k.connectionStatus==='connected' }"""
ERRORS = """() => {
  const found = [], cells = window.jupyterapp.shell.currentWidget.content.model.cells;
  for (let i = 0; i<cells.length; i++) {
    const c = cells.get(i);
    if (c.type!=='code') continue;
    if (!c.executionCount && c.sharedModel.source.trim()) found.push([i, 'not run']);
    for (let j = 0; j<c.outputs.length; j++) {
      const o = c.outputs.get(j).toJSON();
      if (o.output_type==='error') found.push([i, o.evalue]) } }
  return found }"""
OVERFLOWS = """e => {
    const found = [];
    for (let p = e; p && !p.classList.contains('jp-Notebook'); p = p.parentElement) {
      if (p.scrollWidth>p.clientWidth+1 && p.clientWidth) found.push(p.className);
      if (p.getBoundingClientRect().right>innerWidth) found.push('beyond: '+p.className) }
    return found }"""


BESIDE = """e => {
    const out = e.closest('.jp-OutputArea-output'), controls = e.previousElementSibling;
    out.scrollIntoView({block: 'center'});
    const all = out.getBoundingClientRect();
    const page = e.closest('.jp-NotebookPanel-notebook').getBoundingClientRect();
    const [left, right] = [controls, e].map(x => x.getBoundingClientRect());
    return left.right<=right.left && right.width*2===e.naturalWidth && right.right<=all.right
        && all.top>=page.top && all.bottom<=page.bottom && out.scrollWidth<=out.clientWidth }"""


@pytest.fixture
def opened(lab, browser):
    "Opens a notebook, runs all of it unless told not to, and hands over the page"
    address,token = lab
    context = browser.new_context(viewport=LAPTOP)
    page = context.new_page()
    page.set_default_timeout(120_000)
    def open_notebook(notebook, run_all=True):
        page.goto(f'{address}/lab/tree/{notebook}?token={token}&reset')
        page.wait_for_function(READY)
        page.wait_for_function(IDLE)
        if not run_all: return page
        page.evaluate("() => window.jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_function(IDLE)
        assert not page.evaluate(ERRORS)
        return page
    yield open_notebook
    page.evaluate("window.jupyterapp.shell.currentWidget.context.sessionContext.shutdown()")
    context.close()


def shown(figures):
    "The last figure, in view"
    figures.last.wait_for(state='visible')
    figures.last.scroll_into_view_if_needed()
    return figures.last


def changed(figure, before):
    "Wait until a figure is another one"
    from playwright.sync_api import expect
    expect(figure).not_to_have_attribute('src', before, timeout=120_000)
    figure.evaluate('e => e.decode()')


KNOWN = """async () => {
    const c = window.jupyterapp.shell.currentWidget.context, k = c.sessionContext.session.kernel;
    await k.info;
    await k.spec;
    return c.model.dirty }"""

def test_an_opened_notebook_is_not_unsaved_and_shows_its_pictures(opened, root):
    name = '12_geometry.foci.ipynb'
    wrote = json.loads((root/'nbs'/name).read_text(encoding='utf-8'))['metadata']['language_info']
    page = opened(name, run_all=False)
    dirty = page.evaluate(KNOWN)
    page.evaluate("""() => { const n = window.jupyterapp.shell.currentWidget.content;
                             n.scrollToItem(n.widgets.length-1) }""")
    cell = page.locator('.jp-CodeCell', has_text='explore_foci()').last
    cell.locator('.jp-OutputArea img').wait_for(state='visible') # the widget has no kernel yet
    if wrote['version']!=platform.python_version():
        pytest.skip('notebooks name the Python they ran on, and this is another')
    assert not dirty


TURNED = (('10_geometry.cantor', 'levels'), ('12_geometry.foci', 'n'), ('13_geometry.kappa', 'n'),
          ('30_models.heads', 'k'), ('40_losses', 'classes'), ('72_plots.cgd', 'n_foci'))

@pytest.mark.parametrize('notebook, control', TURNED)
def test_a_slider_redraws_the_figure(notebook, control, opened):
    page = opened(f'{notebook}.ipynb')
    figure = shown(page.locator('img.explore-figure'))
    assert not figure.evaluate(OVERFLOWS)
    handle,readout = (page.locator(f'.explore-{control} {part}').last
                      for part in ('.noUi-handle', '.widget-readout'))
    before,said = figure.get_attribute('src'),readout.inner_text()
    handle.focus()
    assert figure.get_attribute('src')==before # focus alone draws nothing
    for _ in range(2): page.keyboard.press('ArrowRight')
    changed(figure, before)
    assert readout.inner_text()!=said
    assert not figure.evaluate(OVERFLOWS)
    if notebook!='72_plots.cgd': # drawn smaller than it is, to fit
        assert figure.evaluate(BESIDE) # the whole widget is seen, its controls left of the figure


def test_a_curriculum_is_watched_held_and_ended(opened):
    page = opened('82_live.ipynb')
    start,pause,end = (page.locator(f'button.live-{n}').last for n in ('start', 'pause', 'stop'))
    start.scroll_into_view_if_needed()
    line = page.locator('.jupyter-widgets:has(> button.live-start)').last
    def status(word): line.get_by_text(word).wait_for()
    status('ready')
    assert start.is_enabled() and pause.is_disabled() and end.is_disabled()
    start.click()
    status('running, level')
    figure = shown(line.locator('xpath=..').locator('img.explore-figure'))
    changed(figure, figure.get_attribute('src'))
    pause.click()
    status('paused')
    held = figure.get_attribute('src')
    assert not figure.evaluate(OVERFLOWS) and not line.evaluate(OVERFLOWS)
    start.click()
    changed(figure, held)
    end.click()
    status('stopped')
    assert start.is_enabled() and end.is_disabled()
