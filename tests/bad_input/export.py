"Export of classifiers and blocks"
import tempfile
from pathlib import Path

import numpy as np
import torch
import torch.nn as nn

from bad_input import refused, right
from geofractal_nb.core import generator, seeded_linear
from geofractal_nb.estimator import GeoFractalClassifier
from geofractal_nb.export import export_model
from geofractal_nb.models.david import GeoFractalDavid, save_model
from geofractal_nb.models.zeta import ZetaBlock

MODEL = GeoFractalDavid(6, 3, 1, (8,)).eval()
BLOCK = ZetaBlock(8, 2)
LINEAR = seeded_linear(8, 3, generator(0, 'classifier'))
FOLDER = tempfile.TemporaryDirectory()
PLAIN = Path(FOLDER.name)/'plain.safetensors'
save_model(PLAIN, MODEL, {'temperature': .25})
E = 'export.'


def wrote(path, data=b''): path.write_bytes(data); return path


def unnamed():
    "A classifier whose classes a file cannot hold as text"
    y = np.arange(40)%2
    c = GeoFractalClassifier(k=1, scales=(8,), epochs=1, min_steps=1).fit(np.eye(40, 6, dtype=np.float32)+y[:,None], y)
    c.classes_ = np.array([1+2j, 3j])
    return c


ROWS = [
    *(refused(E+'ClassifierExport', lambda f, v=v: f(v), 'GeoFractalDavid') for v in (None, 3, BLOCK, np.eye(3))),
    refused(E+'ClassifierExport', lambda f: f(GeoFractalDavid(6, 3, 1, (8,), reference=True)), 'without reference=True'),
    *(refused(E+'ClassifierExport', lambda f, t=t: f(MODEL, t), 'temperature must be') for t in (0, -1., np.nan, np.inf, '1', None, True)),
    right(E+'ClassifierExport', lambda f: f(MODEL, np.float32(.5)).temperature.item(), .5),
    right(E+'ClassifierExport', lambda f: f(GeoFractalDavid(6, 3, 1, (8,)).double().train()).training, False),
    right(E+'ClassifierExport', lambda f: f(MODEL)(torch.full((2, 6), np.nan))['predicted'].tolist(), [-1, -1]),
    right(E+'ClassifierExport', lambda f: f(MODEL)(torch.zeros(0, 6))['contributions'].shape, (0, 1, 3)),
    *(refused(E+'BlockExport', lambda f, a=a: f(*a), 'classifier a linear layer with a bias') for a in ((None, LINEAR), (BLOCK, nn.Linear(8, 3, bias=False)), (BLOCK, None), (LINEAR, BLOCK), (MODEL, LINEAR))),
    refused(E+'BlockExport', lambda f: f(BLOCK, torch.nn.utils.skip_init(nn.Linear, 7, 3)), 'must take 8 features'),
    *(refused(E+'BlockExport', lambda f, t=t: f(BLOCK, LINEAR, t), 'temperature must be') for t in (0, np.nan, 'x')),
    right(E+'BlockExport', lambda f: f(BLOCK, LINEAR)(torch.zeros(1, 2, 8), torch.zeros(1, 2) > 0)['predicted'].tolist(), [[-1, -1]]),
    *(refused(E+'weights_in', lambda f, v=v: f(v), 'folder must be a path') for v in (None, 3, b'x')),
    refused(E+'weights_in', lambda f, tmp: f(tmp/'none'), 'no folder'),
    refused(E+'weights_in', lambda f, tmp: f(tmp), 'holds no classifier.safetensors'),
    refused(E+'weights_in', lambda f, tmp: [(tmp/'member_00').mkdir(), f(tmp)], 'level_*_checkpoint.pt'),
    refused(E+'weights_in', lambda f, tmp: [wrote(tmp/'level_0_checkpoint.pt'), f(tmp)], 'no level_*_checkpoint.pt'),
    right(E+'weights_in', lambda f, tmp: [wrote(tmp/f'level_{i}_checkpoint.pt') for i in (2, 10)] and f(str(tmp)).name, 'level_10_checkpoint.pt'),
    *(refused(E+'exportable', lambda f, v=v: f(v), 'source must be') for v in (None, 3, [], BLOCK, np.eye(2))),
    refused(E+'exportable', lambda f: f(GeoFractalClassifier()), 'not fitted yet'),
    refused(E+'exportable', lambda f, tmp: f(tmp/'none.safetensors'), 'no file'),
    refused(E+'exportable', lambda f, tmp: f(wrote(tmp/'a.safetensors', b'x')), 'a.safetensors'),
    refused(E+'exportable', lambda f, tmp: f(wrote(tmp/'level_3_checkpoint.pt', b'x')), 'level_3_checkpoint.pt'),
    refused(E+'exportable', lambda f, tmp: f(wrote(tmp/'rows.npz', b'x')), 'must end in'),
    *(refused(E+'exportable', lambda f, t=t: f(MODEL, t), 'temperature must be') for t in (0, np.nan, 'x', [1.])),
    right(E+'exportable', lambda f: f(PLAIN)[1]['temperature'], .25),
    right(E+'exportable', lambda f: f(str(PLAIN), .5)[1]['temperature'], .5),
    *(refused(E+'export_model', lambda f, v=v: f(MODEL, v), words) for v,words in (
        (None, 'out must name a file'), (3, 'out must be a path'), ('model.bin', 'must end in .onnx or .pt2'), ('model', 'must end in'), ('', 'must end in'), ('a\0.onnx', 'without NUL'))),
    *(refused(E+'export_model', lambda f, v=v: f(MODEL, 'a.onnx', v), words) for v,words in (('tflite', 'format must be one of'), (3, 'format must be one of'), ('torch', 'must end in .pt2'))),
    refused(E+'export_model', lambda f, tmp: [(tmp/'a.onnx').mkdir(), f(MODEL, tmp/'a.onnx')], 'is a folder'),
    refused(E+'export_model', lambda f, tmp: f(unnamed(), tmp/'a.onnx'), 'plain'),
    right(E+'export_model', lambda f, tmp: f(PLAIN, str(tmp/'new/a.pt2')).is_file(), True),
    right(E+'export_model', lambda f, tmp: f(str(wrote(tmp/'b.safetensors', PLAIN.read_bytes()))).name, 'b.onnx'),
    *(refused(E+'read_about', lambda f, v=v: f(v), words) for v,words in ((None, 'must be text or a Path'), ('none.onnx', 'no file'))),
    refused(E+'read_about', lambda f: f(PLAIN), 'must end in .onnx or .pt2'),
    *(refused(E+'read_about', lambda f, tmp, n=n: f(wrote(tmp/n, b'damaged')), 'not a readable export') for n in ('a.onnx', 'a.pt2')),
    refused(E+'read_about', lambda f, tmp: f(wrote(tmp/'a.onnx')), 'not written by export_model'),
    right(E+'read_about', lambda f, tmp: f(export_model(MODEL, tmp/'c.pt2'))['kind'], 'classifier'),
]
