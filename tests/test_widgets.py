"The logic behind the widgets: what they show is the library's, and controls change what is drawn"
import threading

import pytest
import torch
from torch.testing import assert_close

from geofractal_nb.data.embeddings import load_dataset
from geofractal_nb.geometry.foci import explore_foci
from geofractal_nb.live import BasinView, LiveCurriculum, explore_basin, watch_curriculum
from geofractal_nb.training.basin import BasinConfig, fit, predictions
from geofractal_nb.training.curriculum import fit_curriculum
from geofractal_nb.training.levels import CurriculumConfig

TINY = CurriculumConfig(max_n_foci=2, epochs_per_level=5, stability_window=3, n_samples=96,
                        n_validation=32, seq_len=4, d_model=16, members=2, device='cpu')
WAIT = 300 # seconds after which a thread that hangs is a failure


@pytest.fixture(scope='module')
def undisturbed(): return fit_curriculum(TINY)


@pytest.fixture(scope='module')
def trained():
    data = load_dataset('digits')
    return fit(BasinConfig(scales=(16, 32), epochs=2, batch_size=256, device='cpu'), data),data


def holder(*epochs):
    "A watch that pauses once after each of these epochs, in the thread that trains"
    todo = list(epochs)
    def watch(live):
        seen = live.curves and len(live.curves['kappa'][0])
        if todo and seen==todo[0]:
            todo.pop(0)
            live.pause()
    return watch


def test_paused_and_resumed_is_undisturbed(undisturbed):
    live = LiveCurriculum(TINY, watch=holder(2)).start()
    assert live.wait('paused', timeout=WAIT)=='paused'
    live.resume()
    assert live.wait(timeout=WAIT)=='finished'
    assert_close(live.result.params, undisturbed.params, rtol=0, atol=0)


def test_who_waits_hears_of_the_end_after_who_watches():
    "The last picture is drawn when wait returns, however long the drawing takes"
    drawing,told = threading.Event(),[]
    def slow(live):
        if live.status=='finished': drawing.wait(WAIT)
        told.append(live.status)
    live = LiveCurriculum(TINY, watch=slow).start()
    ended = threading.Thread(target=lambda: told.append(f"waited: {live.wait(timeout=WAIT)}"))
    ended.start()
    while live.status!='finished': ended.join(.01)
    assert live.wait(timeout=0)=='finished' and 'finished' not in told # a look at the status does not wait
    drawing.set()
    ended.join(WAIT)
    assert told[-2:]==['finished', 'waited: finished']


@pytest.mark.parametrize('epoch', [1, 3, 5, 7])
def test_stopped_and_started_again_is_undisturbed(undisturbed, tmp_path, epoch):
    live = LiveCurriculum(TINY, tmp_path, holder(epoch)).start()
    assert live.wait('paused', timeout=WAIT)=='paused'
    assert live.stop().wait(timeout=WAIT)=='stopped'
    again = LiveCurriculum(TINY, tmp_path).start() # another object, as after a restart
    assert again.wait(timeout=WAIT)=='finished'
    assert_close(again.result.params, undisturbed.params, rtol=0, atol=0)
    assert again.result.runs==undisturbed.runs


def test_the_buttons_act(undisturbed):
    box = watch_curriculum(TINY, start=False, every=0)
    start,pause,stop,line = box.children[0].children
    assert (start.disabled, pause.disabled, stop.disabled)==(False, True, True)
    start.click()
    assert box.live.wait(timeout=WAIT)=='finished' and line.value.startswith('finished')
    assert box.live.curves['kappa'][0][-1]==undisturbed.runs[0][-1]['metrics']['epoch_kappa_raw'][-1]
    assert box.children[-1].value[:4]==b'\x89PNG'


def test_original_weights_give_the_models_predictions(trained):
    result,data = trained
    view = BasinView(result, data)
    own = predictions(result.model, data, 'test')['']['predicted']
    assert torch.equal(view.logits().argmax(1), own)
    assert view.accuracy()==result.test['top1']
    why,told = view.explain(5),result.model.explain(data.batch(view.rows[5:6])[0])
    assert why['predicted']==told.predicted[0] and why['digits']==told.digits[0].tolist()
    assert why['vertex']=={s: int(v[0]) for s,v in told.nearest_vertex.items()}
    only = view.logits(cantor=0, crystal=0)
    wanted = sum(w*view.mix[s]['feature']*view.terms[s]['feature']
                 for w,s in zip(view.fusion, view.scales))
    assert_close(only, wanted)


def test_a_method_that_agrees_says_so():
    box = explore_foci()
    box.controls['method'].value = 'least_norm'
    assert not box.message.value # five foci leave a choice
    box.controls['n'].value = 2
    assert box.message.value=='the same as maxent here' # two do not
    box.controls['method'].value = 'maxent'
    assert box.message.value=='the same as least_norm here'


def test_a_picture_is_sharp_and_has_the_figures_size():
    box = explore_foci()
    wide,size = int.from_bytes(box.image.value[16:20], 'big'),box.image.layout
    assert size.width==f'{wide//2}px' and size.max_width=='100%' and size.height is None
    data,shown = box._repr_mimebundle_()
    assert data['image/png'] and shown['image/png']['width']==wide//2


def test_a_factor_changes_figure_and_accuracy(trained):
    box = explore_basin(*trained)
    *controls,_,table = box.children[0].children
    before,said = box.children[1].value,table.value
    next(c for c in controls if 'explore-feature' in c._dom_classes).value = 0
    assert box.children[1].value!=before and table.value!=said
    assert f'{box.view.accuracy(feature=0):.4f}' in table.value
