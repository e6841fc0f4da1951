"Analysis of checkpoints: what is drawn, told and reported is what the files say; ours and others"
import base64
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import matplotlib.figure
import numpy as np
import pytest
import torch

from geofractal_nb.plots.checkpoints import FIGURES, CheckpointVisualizer, CurriculumVisualizer
from geofractal_nb.plots.checkpoints import curriculum_sentence, level_means, level_points
from geofractal_nb.plots.checkpoints import visualize_checkpoint
from geofractal_nb.plots.checkpoints import visualize_curriculum_from_checkpoints
from geofractal_nb.plots.compare import compare_curriculum_runs, differences, plot_runs, read_runs
from geofractal_nb.plots.export import curriculum_video, export_tensorboard, level_embeddings
from geofractal_nb.plots.export import plot_embeddings_3d
from geofractal_nb.plots.curriculum import member_mean
from geofractal_nb.plots.records import read_curriculum, read_level
from geofractal_nb.storage import load_json
from geofractal_nb.training.checkpoints import find_checkpoints, load_checkpoint
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig

matplotlib.use('agg')
TINY = CurriculumConfig(max_n_foci=3, epochs_per_level=5, stability_window=3, n_samples=96,
                        n_validation=32, seq_len=4, members=4, d_model=16)
PUBLISHED = [1, 2, 3, 4, 5, 8]
FILES = [*(f'{n}.png' for n in FIGURES), 'curriculum_summary.json', 'report.html']


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    "Four members, a single run and one with many foci"
    out = tmp_path_factory.mktemp('curricula')
    fit_curriculum(TINY, out/'four')
    fit_curriculum(replace(TINY, members=1, seed=7), out/'alone')
    fit_curriculum(replace(TINY, members=1, levels=(1, 32, 256), epochs_per_level=3), out/'many')
    return out


@pytest.fixture(autouse=True)
def closed():
    import matplotlib.pyplot as plt
    yield
    plt.close('all')


class Page(HTMLParser):
    "Elements and addresses of a page"
    def __init__(self, text):
        super().__init__()
        self.tags,self.links = [],[]
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.links += [v for n,v in attrs if n in ('src', 'href', 'srcset', 'action', 'poster')]


def check_page(path, pictures):
    "Self-contained, every picture in it, whole and described"
    text = path.read_text(encoding='utf-8')
    page = Page(text)
    assert page.links and all(v.startswith('data:') for v in page.links)
    plain = re.sub(r'"data:[^"]*"', '', text)
    assert not re.search(r'https?:|//[a-z]|@import|url\(|<script', plain)
    found = [a for t,a in page.tags if t=='img']
    assert all(a['alt'].strip() for a in found)
    inside = [base64.b64decode(a['src'].split(',')[1]) for a in found]
    assert inside==[p.read_bytes() for p in pictures]
    view = dict(name='viewport', content='width=device-width, initial-scale=1')
    assert ('meta', view) in page.tags
    assert 'prefers-color-scheme: dark' in text and '<p class="lead">' in text
    return text


def check_summary(folder, found):
    "Numbers of a summary, one by one against the files"
    for m,run in enumerate(found['runs']):
        where = folder/f'member_{m:02d}' if (folder/'member_00').is_dir() else folder
        paths = find_checkpoints(where)
        assert len(paths)==len(run)
        for p,r in zip(paths, run):
            c = load_checkpoint(p)
            info,data = c['curriculum_info'],c['dataset_config']
            assert r['emergent_kappa']==info['stabilized_kappa'] and r['level']==info['level']
            assert r['is_stable']==info['is_stable'] and r['kappa_actual']==data['kappa_actual']
            assert r['n_foci']==data['n_foci'] and r['final_loss']==c['metrics']['epoch_loss'][-1]
            assert r['epochs']==len(c['metrics']['epoch_loss'])
            assert r['accuracy_on_levels']==info.get('accuracy_on_levels')
            assert r['focal_weights']==torch.as_tensor(data['focal_weights']).tolist()
            before = info.get('previous_kappa') if found['source'] else info['target_kappa']
            assert r['target_kappa']==before
    assert found['kappa_trajectory']==[r['emergent_kappa'] for r in found['runs'][0]]


@pytest.mark.parametrize('name', ['four', 'alone', 'many', 'four/member_02'])
def test_a_report_says_what_the_checkpoints_say(made, tmp_path, name):
    cv = visualize_curriculum_from_checkpoints(made/name, output_dir=tmp_path/'out')
    assert sorted(p.name for p in (tmp_path/'out').iterdir())==sorted(FILES)
    found = load_json(tmp_path/'out/curriculum_summary.json')
    assert found==json.loads(json.dumps(cv.get_summary()))
    check_summary(made/name, found)
    text = check_page(tmp_path/'out/report.html', [tmp_path/'out'/f'{n}.png' for n in FIGURES])
    assert text.count('<tr>')==1+len(found['levels']) and found['missing_levels']==[]
    assert found['notes']==[] and 'not recorded' not in text


def test_a_report_of_the_published_levels(reference, tmp_path):
    folder = reference/'zetaformer'
    cv = CurriculumVisualizer(folder)
    cv.generate_curriculum_report(tmp_path)
    found = load_json(tmp_path/'curriculum_summary.json')
    check_summary(folder, found)
    assert [r['level'] for r in found['levels']]==PUBLISHED and found['missing_levels']==[6, 7]
    text = check_page(tmp_path/'report.html', [tmp_path/f'{n}.png' for n in FIGURES])
    for said in ('No file of levels 6, 7', 'record no target', 'Accuracy was not recorded'):
        assert said in text
    after = load_checkpoint(folder/'level_8_checkpoint.pt')['curriculum_info']['previous_kappa']
    emergent = cv.records.with_gaps().table('emergent_kappa')[0]
    assert emergent[6]==after and emergent[5].isnan() and len(emergent)==8
    run = json.loads((folder/'published_run.json').read_text())
    assert abs(emergent[6]-run[6]['stabilized_kappa'])<1e-12


def test_figures_hold_the_records(made):
    cv = CurriculumVisualizer(made/'alone')
    line = {l.get_label(): l.get_ydata() for l in cv.plot_kappa_trajectory().axes[0].lines}
    for n in ('target', 'emergent'):
        assert line[n].tolist()==[r[f'{n}_kappa'] for r in cv.records.levels]
    panels = cv.plot_kappa_evolution_detailed().axes
    assert len(panels)==3
    for ax,r in zip(panels, cv.records.levels):
        raw = next(l for l in ax.lines if l.get_label()=='raw')
        assert raw.get_ydata().tolist()==r['metrics']['epoch_kappa_raw']
    loss = np.concatenate([r['metrics']['epoch_task_loss'] for r in cv.records.levels])
    drawn = cv.plot_training_metrics().axes
    assert len(drawn)==4 and np.array_equal(drawn[0].lines[0].get_ydata(), loss)
    assert len(cv.plot_curriculum_progression().axes)==3


def test_a_band_is_the_mean_of_the_members_that_still_learn(made):
    records = read_curriculum(made/'four')
    found = [[load_checkpoint(p)['metrics']['epoch_kappa_raw']
              for p in find_checkpoints(made/f'four/member_{m:02d}')] for m in range(4)]
    for l,ax in enumerate(CurriculumVisualizer(made/'four').plot_kappa_evolution_detailed().axes):
        runs = [run[l] for run in found]
        for e,v in enumerate(ax.lines[0].get_ydata()):
            there = [r[e] for r in runs if e<len(r)]
            log = np.min(np.concatenate(runs))>0
            wanted = np.exp(np.mean(np.log(there))) if log else np.mean(there)
            assert abs(v/wanted-1)<1e-9
    last = level_means(records)[-1]['accuracy']
    a = np.array([run[-1]['accuracy'] for run in records.runs])
    half = 3.182446305284263*a.std(ddof=1)/2 # Student's quantile for four
    assert np.allclose(last, [a.mean(), a.mean()-half, a.mean()+half], rtol=1e-9)
    said = curriculum_sentence(records)
    assert said.startswith('4 seeds, 3 levels from 1 to 3 foci')
    assert f'{100*a.mean():.1f} ±' in said


@pytest.mark.parametrize('members', [1, 2, 3, 4, 7])
def test_fewer_than_four_members_are_lines(members):
    rows = np.random.default_rng(0).uniform(1, 2, (members, 5))
    rows[0,3] = np.nan
    mean,low,high = member_mean(rows, log=True) if members>1 else member_mean(rows)
    assert np.allclose(mean[0], np.exp(np.log(rows[:,0]).mean()))
    assert np.isfinite(low).tolist()==[members>=4]*3+[members>=5]+[members>=4]
    from geofractal_nb.plots.curriculum import plot_members
    ax = plot_members(rows)
    assert (len(ax.lines), len(ax.collections))==((members, 0) if members<4 else (1, 1))


def test_a_checkpoint_in_pictures(made, tmp_path, reference):
    for path in (made/'four/member_01/level_2_checkpoint.pt', made/'many/level_3_checkpoint.pt',
                 *(reference/f'zetaformer/level_{n}_checkpoint.pt' for n in (1, 2, 5))):
        c,v = load_checkpoint(path),CheckpointVisualizer(path)
        m = c['metrics']
        raw = np.asarray(m['epoch_kappa_raw'])
        line = v.plot_kappa_evolution().axes[0].lines[0].get_ydata()
        assert np.array_equal(line, raw if raw.ndim==1 else raw.mean(1))
        names = [a.get_ylabel() for a in v.plot_training_history().axes]
        assert names==['loss', *['accuracy']*('epoch_accuracy' in m), 'kernel']
        bars = [a for a in v.plot_polylipse_geometry().axes if a.patches]
        n,w = c['dataset_config']['n_foci'],torch.as_tensor(c['dataset_config']['focal_weights'])
        assert len(bars)==(n>1)
        for a in bars: assert np.allclose([p.get_height() for p in a.patches], w)
    level = made/'alone/level_2_checkpoint.pt'
    paths = visualize_checkpoint(level, tmp_path/'a/b', include_cgd=False)
    assert [p.name for p in paths]==[f'level_2_{n}.png' for n in ('geometry', 'history', 'kappa')]
    assert sorted(paths)==sorted((tmp_path/'a/b').iterdir())


def test_points_lie_around_their_foci(made, reference):
    ours,theirs = map(find_checkpoints, (made/'four/member_00', reference/'zetaformer'))
    for path in ours+theirs:
        r = read_level(path)
        P,labels = level_points(r, 4000)
        if r['circle']: continue
        at = torch.tensor(r['focal_centers'])
        for i in labels.unique().tolist():
            mine = P[labels==i]
            assert (mine.mean(0)-at[i]).norm()<6*.45/len(mine)**.5, (path, i)
        sides = level_points(r, 400, divide=True)[1]
        assert len(sides.unique())>1


def test_the_same_twice_and_nobody_elses_randomness(made, tmp_path):
    before = torch.random.get_rng_state(),np.random.get_state()[1].copy()
    for n in 'ab': CurriculumVisualizer(made/'four').generate_curriculum_report(tmp_path/n)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert (before[1]==np.random.get_state()[1]).all()
    for n in FILES: assert (tmp_path/'a'/n).read_bytes()==(tmp_path/'b'/n).read_bytes(), n


def test_nothing_is_half_written(made, tmp_path, monkeypatch):
    "A figure that fails leaves no file, and a report that stands as it was"
    cv = CurriculumVisualizer(made/'alone')
    def broken(*a): raise RuntimeError('no ink')
    monkeypatch.setattr(cv, 'plot_training_metrics', broken)
    with pytest.raises(RuntimeError): cv.generate_curriculum_report(tmp_path/'out')
    assert not list((tmp_path/'out').iterdir())
    import matplotlib.pyplot as plt
    plt.close('all')
    level = CheckpointVisualizer(made/'alone/level_2_checkpoint.pt')
    for draw in (cv.plot_curriculum_progression, cv.plot_kappa_trajectory,
                 cv.plot_kappa_evolution_detailed, level.plot_polylipse_geometry,
                 level.plot_training_history, level.plot_kappa_evolution,
                 level.plot_cgd_decision_boundary): # refused before it is drawn
        with pytest.raises(ValueError, match='must end in .png'): draw(tmp_path/'picture')
        assert not plt.get_fignums()


def test_runs_of_one_name_are_its_seeds(made, tmp_path):
    folders = [made/'four', made/'alone']
    runs = read_runs(folders, ['same', 'same'])
    assert runs['same'].members==5
    k = np.array([[r['emergent_kappa'] for r in run] for run in runs['same'].runs])
    log = (k>0).all()
    wanted = np.exp(np.log(k).mean(0)) if log else k.mean(0)
    line = plot_runs(runs).axes[0].containers[0]
    assert np.allclose(line.lines[0].get_ydata(), wanted)
    spread = (np.log(k) if log else k).std(0, ddof=1)
    halves = 2.7764451051977987*spread/5**.5 # Student's quantile for five
    low = wanted/np.exp(halves) if log else wanted-halves
    fig = compare_curriculum_runs(folders, ['same', 'same'], tmp_path/'out')
    found = load_json(tmp_path/'out/comparison.json')['runs']['same']
    told = [l['emergent_kappa'][:2] for l in found['levels']]
    assert np.allclose(told, np.stack([wanted, low], 1))
    names = [f'comparison.{n}' for n in ('html', 'json', 'png')]
    assert sorted(p.name for p in (tmp_path/'out').iterdir())==names
    check_page(tmp_path/'out/comparison.html', [tmp_path/'out/comparison.png'])
    assert len(fig.axes)==4 and found['seeds']==[0, 1, 2, 3, 7]


def test_the_legend_names_each_run_in_its_own_color(made):
    "Lines of few seeds and means of many, in any order; names with signs matplotlib obeys"
    from matplotlib.colors import to_hex
    for order in (['four', 'alone', 'many'], ['alone', 'four', 'many'], ['many', 'alone', 'four']):
        runs = read_runs([made/n for n in order], [f'_{n}$' for n in order])
        fig = plot_runs(runs)
        fig.canvas.draw()
        box = fig.legends[0]
        legend = {t.get_text(): h for t,h in zip(box.get_texts(), box.legend_handles)}
        assert list(legend)==list(runs)
        for name,r in runs.items():
            k = r.table('emergent_kappa').numpy()
            wanted = member_mean(k, bool((k>0).all()))[0] if r.members>1 else k[0]
            drawn = [(l, np.asarray(l.get_ydata(), float)) for l in fig.axes[0].lines]
            drawn = [(l, y[np.isfinite(y)]) for l,y in drawn]
            found = [l for l,y in drawn if y.shape==wanted.shape and np.allclose(y, wanted)]
            assert len(found)==1 and to_hex(found[0].get_color())==to_hex(legend[name].get_color())


def test_a_difference_is_paired_by_seed(made, tmp_path):
    fit_curriculum(replace(TINY, lr=3e-2), tmp_path/'other')
    runs = read_runs([made/'four', tmp_path/'other'])
    a,b = ([run[-1]['accuracy'] for run in runs[n].runs] for n in ('four', 'other'))
    d = 100*(np.array(b)-np.array(a))
    half = 3.182446305284263*d.std(ddof=1)/2
    assert f'{d.mean():+.2f} ± {half:.2f}' in differences(runs)[0]
    alone = read_runs([made/'four', made/'alone'])
    assert 'have 0 common seeds' in differences(alone)[0]
    names = [f'<b>&"{n}' for n in 'xy'] # shown, not obeyed
    compare_curriculum_runs([made/'four', made/'alone'], names, tmp_path/'out')
    assert '<b>' not in (tmp_path/'out/comparison.html').read_text()


def test_members_under_way_are_compared_as_far_as_all_have_come(made, tmp_path):
    shutil.copytree(made/'four', tmp_path/'run')
    (tmp_path/'run/member_03/level_3_checkpoint.pt').unlink()
    records = read_curriculum(tmp_path/'run')
    assert [len(r) for r in records.runs]==[2]*4 and 'member_03 got to level 2' in records.notes[0]


def test_what_does_not_belong_together_is_refused(made, tmp_path):
    def fresh(name): return Path(shutil.copytree(made/'four/member_00', tmp_path/name))
    renamed = fresh('renamed')
    (renamed/'level_3_checkpoint.pt').rename(renamed/'level_4_checkpoint.pt')
    mixed = fresh('mixed')
    shutil.copy(made/'many/level_2_checkpoint.pt', mixed)
    both = fresh('both')
    shutil.copytree(made/'alone', both/'member_00')
    broken = fresh('broken')
    path = broken/'level_2_checkpoint.pt'
    path.write_bytes(path.read_bytes()[:-2000])
    copied = Path(shutil.copytree(made/'four', tmp_path/'copied'))
    shutil.copytree(copied/'member_00', copied/'member_09')
    for folder,said in ((renamed, 'holds level 3'), (mixed, 'come from different runs'),
                        (both, 'beside one another'), (broken, 'truncated'),
                        (copied, 'same seed'), (tmp_path/'none', 'no folder'), (path, 'no folder')):
        with pytest.raises(ValueError, match=said) as e: CurriculumVisualizer(folder)
        assert type(e.value) is ValueError and '\n' not in str(e.value) and len(str(e.value))<500


@pytest.mark.skipif(not shutil.which('chromium'), reason='no chromium')
@pytest.mark.parametrize('scheme', ['light', 'dark'])
def test_the_report_in_a_browser(made, tmp_path, scheme):
    "On a phone: no request, no script error, nothing wider than the screen, readable contrast"
    sync = pytest.importorskip('playwright.sync_api')
    path = CurriculumVisualizer(made/'many').generate_curriculum_report(tmp_path)
    with sync.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=shutil.which('chromium'), args=['--no-sandbox'])
        page = browser.new_page(viewport=dict(width=390, height=800), color_scheme=scheme)
        asked,wrong = [],[]
        page.on('request', lambda r: asked.append(r.url))
        page.on('pageerror', lambda e: wrong.append(e))
        page.goto(path.as_uri())
        assert [u for u in asked if not u.startswith('data:')]==[path.as_uri()] and not wrong
        assert page.evaluate('document.documentElement.scrollWidth')<=390
        assert page.evaluate('[...document.images].every(i => i.complete && i.naturalWidth>300)')
        paper = page.evaluate('getComputedStyle(document.body).backgroundColor')
        dark = paper!='rgb(255, 255, 255)'
        assert dark==(scheme=='dark')
        browser.close()


@pytest.mark.parametrize('name', ['four', 'many'])
def test_decision_boundaries_of_every_level(made, tmp_path, name):
    cv = CurriculumVisualizer(made/name)
    cv.generate_curriculum_report(tmp_path, include_cgd=True)
    names = [f'cgd/level_{n}_cgd.png' for n in (1, 2, 3)]
    assert sorted((tmp_path/'cgd').iterdir())==[tmp_path/n for n in names]
    pictures = [tmp_path/n for n in (*(f'{n}.png' for n in FIGURES), *names)]
    check_page(tmp_path/'report.html', pictures)
    paths = cv.plot_cgd_curriculum(tmp_path/'again')
    assert [p.read_bytes() for p in paths]==[(tmp_path/n).read_bytes() for n in names]


def test_a_boundary_is_asked_for_with_the_files_own_settings(made, tmp_path, monkeypatch):
    import geofractal_nb.plots.checkpoints as module
    path = Path(shutil.copy(made/'alone/level_2_checkpoint.pt', tmp_path))
    c = load_checkpoint(path)
    c['viz_config'].update(cgd_sigma=.3, cgd_t=.7, cgd_w=.25, cgd_eta=.1, grid_resolution=40)
    torch.save(c, path)
    asked = {}
    def stub(points, labels, **settings):
        asked.update(settings, n=len(points), labels=sorted(set(labels.tolist())))
        return matplotlib.figure.Figure()
    monkeypatch.setattr(module, 'plot_cgd', stub)
    CheckpointVisualizer(path).plot_cgd_decision_boundary(points=300)
    assert asked.pop('foci').tolist()==c['dataset_config']['focal_centers'].tolist()
    assert asked.pop('positive') in (0, 1)
    assert asked==dict(sigma=.3, t=.7, w=.25, eta=.1, size=40, n=300, labels=[0, 1])


def test_boundaries_of_the_published_levels(reference, tmp_path):
    cv = CurriculumVisualizer(reference/'zetaformer')
    paths = cv.plot_cgd_curriculum(tmp_path)
    assert [p.name for p in paths]==[f'level_{n}_cgd.png' for n in PUBLISHED]
    drawn = visualize_checkpoint(reference/'zetaformer/level_2_checkpoint.pt', tmp_path/'one')
    assert drawn[-1].name=='level_2_cgd.png'
    assert drawn[-1].read_bytes()==(tmp_path/'level_2_cgd.png').read_bytes()


def test_tensorboard_reads_the_records_back(made, reference, tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    for folder in (made/'four', made/'alone', reference/'zetaformer'):
        records,out = read_curriculum(folder),tmp_path/folder.name
        paths = export_tensorboard(folder, out)
        assert export_tensorboard(folder, out)==paths # the same files again, nothing beside them
        assert sorted(out.rglob('*tfevents*'))==sorted(paths) and len(paths)==records.members
        for path,run in zip(paths, records.runs):
            read = EventAccumulator(str(path.parent), size_guidance={'scalars': 0}).Reload()
            for name in run[0]['metrics']:
                parts = [np.asarray(r['metrics'][name]).reshape(r['epochs'], -1) for r in run]
                wanted = np.concatenate([v.mean(1) for v in parts])
                found = read.Scalars(name)
                assert np.allclose([s.value for s in found], wanted, rtol=1e-6)
                assert [s.step for s in found]==list(range(len(wanted)))
            found = {s.step: s.value for s in read.Scalars('level/emergent_kappa')}
            assert found.keys()=={r['level'] for r in run}
            assert all(abs(found[r['level']]/r['emergent_kappa']-1)<1e-6 for r in run)


def test_a_film_shows_every_level(made, reference, tmp_path):
    from PIL import Image
    for folder in (made/'four', reference/'zetaformer'):
        levels = len(read_curriculum(folder).levels)
        film = Image.open(curriculum_video(folder, tmp_path/'films/film.gif', frames=2, fps=4))
        seen = []
        for i in range(film.n_frames):
            film.seek(i)
            seen.append(film.convert('RGB').tobytes())
        assert film.n_frames==2*levels and len(set(seen))==len(seen) and film.info['duration']==250
    assert len(list((tmp_path/'films').iterdir()))==1


def test_an_mp4_wants_its_extra(made, tmp_path, monkeypatch):
    import sys
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', None)
    with pytest.raises(ImportError, match=r"geofractal_nb\[video\]"):
        curriculum_video(made/'alone', tmp_path/'film.mp4')
    sent = []
    def write_frames(path, size, **settings):
        assert settings['output_params']==['-f', 'mp4'] and settings['fps']==5
        def take():
            sent.append((yield))
            try:
                while True: sent.append((yield))
            except GeneratorExit: Path(path).write_bytes(b'film')
        assert all(n%2==0 for n in size)
        sent.append(size)
        return take()
    module = SimpleNamespace(write_frames=write_frames)
    monkeypatch.setitem(sys.modules, 'imageio_ffmpeg', module)
    curriculum_video(made/'alone', tmp_path/'film.mp4', frames=2, fps=5)
    (w,h),*frames = sent
    assert len(frames)==6 and all(len(f)==3*w*h for f in frames)
    assert (tmp_path/'film.mp4').read_bytes()==b'film'


def test_three_dimensions_keep_distances_of_a_flat_cloud(made, reference, monkeypatch):
    import sys
    gen = np.random.default_rng(0)
    Z = gen.normal(size=(50, 3))
    X = Z@np.linalg.qr(gen.normal(size=(10, 10)))[0][:3]+7. # three dimensions in ten
    at = np.stack(plot_embeddings_3d(X, np.arange(50)%4).collections[0]._offsets3d, 1)
    d = lambda A: np.linalg.norm(A[:,None]-A[None], axis=-1)
    assert np.allclose(d(at), d(Z))
    for path in (*find_checkpoints(made/'alone'), reference/'zetaformer/level_5_checkpoint.pt'):
        f,y = level_embeddings(path, 8)
        assert len(f)==len(y) and f.isfinite().all() and not f.requires_grad
    for name in ('plotly', 'plotly.graph_objects'): monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ImportError, match=r"geofractal_nb\[plotly\]"):
        plot_embeddings_3d(f, y, interactive=True)
