"Exported files: the answers of the model they were made from, for rows of every kind, and what they say about themselves"
import json
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from torch.testing import assert_close

ort = pytest.importorskip('onnxruntime')
from geofractal_nb.cli import main
from geofractal_nb.core import generator, seeded_linear
from geofractal_nb.estimator import GeoFractalClassifier
from geofractal_nb.export import BlockExport, ClassifierExport, export_model, exportable, read_about
from geofractal_nb.models.david import GeoFractalDavid, save_model
from geofractal_nb.models.zeta import ZetaBlock
from geofractal_nb.training.checkpoints import load_checkpoint_for_inference
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig

STEPS = 'predicted','nearest_vertex','digits' # whole numbers
F = 12


class Runner:
    "Named answers of an exported file, whichever kind it is"
    def __init__(self, path):
        self.torch = path.suffix=='.pt2'
        self.session = torch.export.load(path).module() if self.torch else ort.InferenceSession(path)
    def __call__(self, *inputs):
        if self.torch: return {n: v.detach().numpy() for n,v in self.session(*inputs).items()}
        given = {i.name: v.numpy() for i,v in zip(self.session.get_inputs(), inputs)}
        return dict(zip([o.name for o in self.session.get_outputs()], self.session.run(None, given)))


def agree(module, run, *inputs, rtol=1e-5):
    "Does a file answer as its module? To 1e-4, whole numbers exactly, NaN at the same places"
    with torch.no_grad(): wanted = module(*inputs)
    found = run(*inputs)
    assert list(found)==list(wanted)==list(module.outputs)
    for n,v in wanted.items():
        if n in STEPS: assert (found[n]==v.numpy()).all(), n
        else: assert_close(torch.from_numpy(found[n]), v, atol=1e-4, rtol=rtol, equal_nan=True, msg=lambda m: f'{n}: {m}')
    return found


MODELS = dict(usual=dict(k=2, scales=(8, 16)), some_terms=dict(k=3, scales=(8,), terms=('cantor', 'crystal'), linear=True, alpha_init=3., levels=3),
              hard=dict(k=1, scales=(8, 12, 16), terms=('feature', 'cantor'), levels=1, tau=1e-9))


@pytest.fixture(scope='module', params=MODELS)
def classifier(request, tmp_path_factory):
    "A module, and runners of both kinds of file"
    model,folder = GeoFractalDavid(F, 5, **MODELS[request.param], seed=1),tmp_path_factory.mktemp('exports')
    files = [export_model(model, folder/f'model{s}', temperature=.07) for s in ('.onnx', '.pt2')]
    return ClassifierExport(model, .07),[Runner(f) for f in files]


def rows(n, kind=''): return torch.randn(n, F, generator=generator(0, 'rows', n, kind))


ODD = dict(one=rows(1), two=rows(2), many=rows(33), none=rows(0), zero=torch.zeros(3, F), huge=rows(7)*1e30, largest=torch.full((2, F), 3.4e38), tiny=rows(7)*1e-30,
           denormal=torch.full((2, F), 1e-45), one_number=torch.eye(F)[:3], constant=torch.ones(4, F))


@pytest.mark.parametrize('kind', ODD)
def test_answers_are_the_models(classifier, kind):
    module,runners = classifier
    for run in runners: agree(module, run, ODD[kind])


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_a_row_without_numbers_harms_no_other(classifier, bad):
    module,runners = classifier
    x = rows(5)
    x[2,3] = bad
    for run in runners:
        found,alone = agree(module, run, x),run(rows(5))
        for n,v in found.items():
            assert (v[2]==-1).all() if n in STEPS else np.isnan(v[2]).all(), n
            assert np.allclose(np.delete(v, 2, 0), np.delete(alone[n], 2, 0), atol=1e-6), n


def test_summands_add_up_to_the_logit_and_classes_to_one(classifier):
    module,runners = classifier
    x = rows(20)
    with torch.no_grad(): logits = module.model(x)
    for run in runners:
        found = run(x)
        assert_close(torch.from_numpy(found['contributions'].sum((1, 2))), logits.amax(1), atol=1e-5, rtol=1e-5)
        assert_close(torch.from_numpy(found['probabilities'].sum(1)), torch.ones(20))
        assert_close(torch.from_numpy(found['probabilities']), torch.softmax(logits/.07, 1), atol=1e-5, rtol=0)


# ---- estimators

@pytest.fixture(scope='module')
def fitted():
    gen = np.random.default_rng(0)
    y = np.array(['left', 'middle', 'right'])[np.arange(450)%3]
    X = (gen.normal(size=(450, F))+3*np.eye(3, F)[np.arange(450)%3]).astype(np.float32)
    return GeoFractalClassifier(k=2, scales=(8,), epochs=3, min_steps=60).fit(X, y),X,y


def test_an_estimator_keeps_its_labels_temperature_and_threshold(fitted, tmp_path):
    model,X,y = fitted
    model.save(tmp_path/'kept.safetensors')
    file = export_model(tmp_path/'kept.safetensors')
    assert file==tmp_path/'kept.onnx' and file.read_bytes()==export_model(model, tmp_path/'b.onnx').read_bytes()
    about,found = read_about(file),Runner(file)(torch.from_numpy(X))
    assert np.abs(found['probabilities']-model.predict_proba(X)).max()<1e-4
    assert [about['classes'][i] for i in found['predicted']]==model.predict(X).tolist()
    assert about['temperature']==pytest.approx(model.temperature_) and about['measured']==model.held_out_
    far = np.concatenate([X, 9*np.random.default_rng(1).normal(size=(40, F)).astype(np.float32)])
    score = Runner(file)(torch.from_numpy(far))['score']
    sure = np.abs(score-about['reject_below'])>1e-4
    assert sure.mean()>.9 and ((score<about['reject_below'])==model.reject(far))[sure].all()


def test_classes_that_came_and_went_are_exported(fitted, tmp_path):
    import copy
    model,X,y = copy.deepcopy(fitted[0]),*fitted[1:]
    new = X[:20]-6
    model.add_classes(new, np.repeat('below', 20), steps=5).remove_classes(['middle'])
    file = export_model(model, tmp_path/'a.onnx')
    assert read_about(file)['classes']==['left', 'right', 'below']
    assert np.abs(Runner(file)(torch.from_numpy(new))['probabilities']-model.predict_proba(new)).max()<1e-4


def test_a_model_in_training_stays_as_it_was(tmp_path):
    model = GeoFractalDavid(F, 3, 1, (8,)).train()
    before = {n: t.clone() for n,t in model.state_dict().items()}
    export_model(model, tmp_path/'a.pt2')
    assert model.training and all(p.requires_grad for p in model.parameters())
    for n,t in model.state_dict().items(): assert torch.equal(t, before[n])


def test_published_weights_are_exported(reference, tmp_path):
    source = reference/'geofractal_david_weights.safetensors'
    file = export_model(source, tmp_path/'published.onnx')
    module,about = exportable(source)
    x = torch.randn(40, module.model.feature_dim, generator=generator(0, 'published'))
    found,wanted = Runner(file)(x),module(x)
    assert about['classes']==list(range(7)) and about['config']['reference'] is False
    assert_close(torch.from_numpy(found['values']), wanted['values'], atol=1e-5, rtol=1e-5)
    # its simplices lie around the origin: the cosine to a centroid is rounding, also for a row alone
    centroids = [h.class_prototypes.mean(1).norm(dim=-1).max() for h in module.model.heads.values()]
    assert max(centroids)<1e-6
    assert np.abs(found['probabilities']-wanted['probabilities'].numpy()).max()<.02


# ---- blocks

BLOCKS = dict(plain={}, deep=dict(depth=2, learn_mix=True), wide=dict(feed_forward=12))


@pytest.fixture(scope='module', params=BLOCKS)
def block(request, tmp_path_factory):
    from geofractal_nb.export import FORMATS
    from geofractal_nb.training.checkpoints import save_level_checkpoint
    gen,D = generator(2, 'block'),8
    model,linear = ZetaBlock(D, 2, **BLOCKS[request.param], gen=gen),seeded_linear(D, 4, gen)
    with torch.no_grad(): # as after training
        for n,p in model.named_parameters(): p.add_(.3*torch.rand(p.shape, generator=gen))
    parts = dict(model_config=dict(d_model=D, n_heads=2, **BLOCKS[request.param]), model_state_dict=model.state_dict(), classifier_state_dict=linear.state_dict(),
                 metrics={'epoch_loss': [1.]}, dataset_config=dict(n_foci=4, task='shifted', seq_len=6), curriculum_info=dict(stabilized_kappa=1.5))
    file = tmp_path_factory.mktemp('level')/'level_4_checkpoint.pt'
    save_level_checkpoint(file, parts)
    return BlockExport(model, linear),model,linear,[Runner(export_model(file, format=f)) for f in FORMATS],file


def sequences(B, N, size=1., kind=''):
    gen = generator(0, 'sequences', B, N, kind)
    mask = torch.rand(B, N, generator=gen)<.7
    mask[:,0] = True
    return size*torch.randn(B, N, 8, generator=gen),mask


@pytest.mark.parametrize('B, N, size', [(4, 6, 1.), (1, 1, 1.), (2, 3, 0.), (33, 2, 1e-30), (3, 9, 1e4), (2, 5, 1e8)])
def test_a_block_answers_as_the_block(block, B, N, size):
    module,model,linear,runners,_ = block
    x,mask = sequences(B, N, size)
    with torch.no_grad(): out = model(x, mask)
    tight = 1e-5 if size<=1 else 1e-3 # sums of large numbers that cancel
    for run in runners:
        found = agree(module, run, x, mask, rtol=tight)
        assert_close(torch.from_numpy(found['output']), out, atol=1e-4, rtol=1e-4)
        logits = linear(out).detach()
        assert (found['predicted']==logits.argmax(-1).numpy()).all()
        assert_close(torch.from_numpy(found['contributions'].sum(-1)), logits.amax(-1), atol=1e-4, rtol=1e-3)
        tau,sigma = model.pathways(x, mask)
        assert_close((torch.from_numpy(found['gaussian']), torch.from_numpy(found['poisson'])), (tau.detach(), sigma.detach()), atol=1e-4*max(1., size), rtol=1e-3)


def test_a_masked_token_may_hold_anything_a_counted_one_may_not(block):
    module,_,_,runners,_ = block
    x,mask = sequences(4, 5)
    mask[:,3],mask[1] = False,False # the second sequence has no token at all
    clean = module(x, mask)
    spoiled = x.clone()
    spoiled[:,3] = torch.nan # not counted
    spoiled[2,0] = torch.inf # counted
    spoiled[3,0] = 1e30      # counted, too large for products
    for run in runners:
        found = agree(module, run, spoiled, mask)
        assert (found['predicted'][1:]==-1).all() and np.isnan(found['output'][1:]).all()
        assert_close(torch.from_numpy(found['output'][0]), clean['output'][0], atol=1e-5, rtol=1e-5)


def test_a_block_is_finite_where_its_squares_overflow(block):
    module,_,_,runners,_ = block
    x,mask = sequences(3, 6, 1e13)
    for run in runners:
        found = agree(module, run, x, mask, rtol=1e-2)
        assert np.isfinite(found['probabilities']).all()


def test_a_level_says_what_it_is(block):
    about = read_about(block[-1].with_suffix('.onnx'))
    assert about['kind']=='block' and about['classes']==[0, 1, 2, 3]
    assert about['level']==dict(n_foci=4, task='shifted', seq_len=6, kappa=1.5)


# ---- files

def test_both_kinds_say_the_same_and_hold_no_paths(tmp_path):
    model = GeoFractalDavid(F, 3, 1, (8,))
    onnx,pt2 = (export_model(model, tmp_path/f'a{s}') for s in ('.onnx', '.pt2'))
    assert read_about(onnx)==read_about(pt2)
    with zipfile.ZipFile(pt2) as z: texts = [z.read(n) for n in z.namelist()]
    for text in (onnx.read_bytes(), *texts):
        assert not re.search(rb'/(tmp|home|root|usr|work)/|site-packages|\.py\b', text)
    meta = ort.InferenceSession(onnx).get_modelmeta().custom_metadata_map
    assert json.loads(meta['classes'])==[0, 1, 2] and json.loads(meta['temperature'])==1.
    assert json.loads(meta['config'])==model.config


def test_opset_is_a_standard_one(tmp_path):
    import onnx
    model = onnx.load(export_model(GeoFractalDavid(F, 3, 1, (8,)), tmp_path/'a.onnx'))
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import]==[('', 20)] and not model.functions


def test_a_missing_package_names_its_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'onnxscript', None)
    with pytest.raises(ImportError, match=r'geofractal_nb\[onnx\]'): export_model(GeoFractalDavid(F, 3, 1, (8,)), tmp_path/'a.onnx')
    assert export_model(GeoFractalDavid(F, 3, 1, (8,)), tmp_path/'a.pt2').is_file() # torch alone is enough
    assert [p.name for p in tmp_path.iterdir()]==['a.pt2']


def test_importing_the_module_imports_no_onnx():
    code = "import sys, geofractal_nb.export; print([m for m in ('onnx', 'onnxscript', 'onnxruntime', 'torch.onnx._internal.exporter._core') if m in sys.modules])"
    assert subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True).stdout=='[]\n'


# ---- the command

def test_the_command_exports_a_curriculum(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = CurriculumConfig(max_n_foci=2, epochs_per_level=2, stability_window=2, n_samples=32, n_validation=16, d_model=8, seq_len=4)
    fit_curriculum(config, tmp_path/'run')
    assert main(['export', 'run', '--format', 'torch', '--json'])==0
    out,err = capfd.readouterr()
    told = json.loads(out)
    assert told['file']==str(tmp_path/'run/model.pt2') and told['level']['n_foci']==2 and err==''
    level = next((tmp_path/'run').rglob('level_2_checkpoint.pt'))
    block,linear,*_ = load_checkpoint_for_inference(level)
    x,mask = sequences(3, 4)
    found = Runner(tmp_path/'run/model.pt2')(x, mask)
    assert_close(torch.from_numpy(found['output']), block(x, mask).detach(), atol=1e-5, rtol=1e-5)
    assert main(['export', str(level), '-o', 'level.onnx'])==0
    assert capfd.readouterr().out.startswith('level.onnx, ') and (tmp_path/'level.onnx').is_file()


def test_the_command_exports_a_classifier_with_another_temperature(tmp_path, capfd, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_model('best_model_acc0.9.safetensors', GeoFractalDavid(F, 3, 1, (8,)), {'temperature': .125})
    assert main(['export', '.'])==0 and read_about('model.onnx')['temperature']==.125
    assert main(['export', 'best_model_acc0.9.safetensors', '-o', 'hot.pt2', '--temperature', '2'])==0
    assert read_about('hot.pt2')['temperature']==2.
    assert 'classifier of rows of 12 columns, 3 classes, temperature 2 inside' in capfd.readouterr().out
