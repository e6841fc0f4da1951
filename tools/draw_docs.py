"""The page on which one draws a digit: a model of ours, exported, and ONNX Runtime in the browser.

Everything it needs lies in scripts, so that it works where a page may fetch nothing, opened as a file. The runtime comes from npm
and is kept for the next time; without it the page is left out.
"""
import base64
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np

ORT = '1.30.0'
ORT_SHA256 = 'd2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71'
FILES = 'ort.wasm.min.js', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm' # the smallest build: no GPU
SCRIPTS = 'playground', 'draw-data', 'draw-runtime', 'ort.wasm.min', 'draw' # of the page, in their order
TRAINED = 1400 # digits to learn from, the others fit the temperature
PAGE = '''---
title: Draw a digit
description: A classifier of this library, exported to ONNX, in this page.
toc: false
---

Draw with the mouse or a finger. What is drawn becomes 64 numbers, as in scikit-learn's digits: a bitmap of 32 × 32, the ink of each block of 4 × 4 counted from 0 to 16. A small `GeoFractalDavid` answers within this page; nothing leaves it.

```{=html}
<div class="draw" id="draw"><noscript><p>This page computes in the browser: it needs JavaScript.</p></noscript></div>
```

Every class is a simplex, and every bar under *Why* is a summand of the logit of the class that won: how well the direction of the drawing fits that of the class (*feature*), how far apart both lie on the [Cantor stairs](geometry.cantor.ipynb) (*cantor*), and how far the drawing is from the nearest vertex (*crystal*). Beside that vertex stands the training digit nearest to it. The bars add up to the logit exactly; [the model](models.david.ipynb) has the formula, and [export](export.ipynb) tells how it got here.

ABOUT
'''


def runtime():
    "Folder with the runtime's files, from npm the first time; None where that fails"
    kept = Path(sys.prefix)/'share'/f'onnxruntime-web-{ORT}'
    if all((kept/f).is_file() for f in FILES): return kept
    with tempfile.TemporaryDirectory() as tmp:
        try: subprocess.run(['npm', 'pack', f'onnxruntime-web@{ORT}'], cwd=tmp, check=True, capture_output=True, timeout=300)
        except (OSError, subprocess.SubprocessError): return None
        package = Path(tmp)/f'onnxruntime-web-{ORT}.tgz'
        if hashlib.sha256(package.read_bytes()).hexdigest()!=ORT_SHA256: return None
        with tarfile.open(package) as t: t.extractall(tmp) # its digest is pinned, and older Pythons know no filter
        kept.mkdir(parents=True, exist_ok=True)
        for f in FILES: shutil.copy(Path(tmp)/'package/dist'/f, kept/f)
    return kept


def warped(X, times, seed=0):
    "Every digit a few times more, a little turned, sheared, stretched and moved"
    from scipy.ndimage import affine_transform
    gen,found,middle = np.random.default_rng(seed),[],np.array([3.5, 3.5])
    for x in np.repeat(X, times, 0).reshape(-1, 8, 8):
        turn,shear,stretch,move = gen.normal()*.15,gen.normal()*.2,np.exp(gen.normal(size=2)*.15),gen.normal(size=2)*(.2, .8)
        c,s = np.cos(turn),np.sin(turn)
        A = np.array([[c, -s], [s, c]])@np.array([[1, 0], [shear, 1]])@np.diag(stretch)
        found.append(affine_transform(x, A, middle-A@middle+move, order=1))
    return np.clip(found, 0, 16).reshape(-1, 64).astype(np.float32)


def trained():
    "A small classifier of scikit-learn's digits, and its training digits"
    from sklearn.datasets import load_digits
    from geofractal_nb.estimator import GeoFractalClassifier
    X,y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X,y = X[order].astype(np.float32),y[order]
    more = np.concatenate([X[:TRAINED], warped(X[:TRAINED], 4)]),np.concatenate([y[:TRAINED], np.repeat(y[:TRAINED], 4)])
    model = GeoFractalClassifier(k=3, scales=(128,), start='mixture', epochs=6, random_state=0)
    return model.fit(*more, eval_set=(X[TRAINED:], y[TRAINED:])),X[:TRAINED],y[:TRAINED]


def nearest(model, X, y):
    "For every vertex the 64 numbers of the training digit of its class that is nearest to it"
    V = next(model.weights_[n] for n in model.weights_ if n.endswith('class_prototypes')).numpy()
    Q = model.transform(X)
    def image(c, v):
        own = np.flatnonzero(y==c)
        return X[own[np.square(Q[own]-v).sum(1).argmin()]].astype(int).tolist()
    return [[image(c, v) for v in vertices] for c,vertices in enumerate(V)]


def data():
    "The exported model and the digits at its vertices, as a script; what was measured"
    from geofractal_nb.export import export_model, read_about
    model,X,y = trained()
    with tempfile.TemporaryDirectory() as tmp:
        file = export_model(model, Path(tmp)/'digits.onnx')
        about,content = read_about(file),file.read_bytes()
    found = dict(model=base64.b64encode(content).decode(), images=nearest(model, X, y), terms=about['terms'])
    return f'window.drawData = {json.dumps(found)};\n',about,len(content)


def begin(cache):
    "Write the page among the notebooks; what `finish` needs, or why there is none"
    folder = runtime()
    if folder is None: return None,'npm cannot be reached for onnxruntime-web'
    try: script,about,size = data()
    except ImportError as e: return None,str(e)
    m = about['measured']
    said = (f"The model has {size/1000:.0f} kB. It was trained on {TRAINED} of scikit-learn's digits, each also turned, sheared and moved a little; "
            f"of the other {m['rows']} it is right on {m['accuracy']:.1%}. Drawings on a screen are not the scanned ones it knows, so it may be wrong more often here.")
    (cache/'draw.md').write_text(PAGE.replace('ABOUT', said), encoding='utf-8')
    return (folder, script),''


def finish(libs, found):
    "The page's scripts into the site"
    folder,script = found
    wasm = gzip.compress((folder/FILES[2]).read_bytes(), 9, mtime=0)
    files = dict(module=(folder/FILES[1]).read_text(encoding='utf-8'), wasm=base64.b64encode(wasm).decode())
    (libs/'draw-data.js').write_text(script, encoding='utf-8')
    (libs/'draw-runtime.js').write_text(f'window.drawRuntime = {json.dumps(files)};\n'.replace('</', '<\\/'), encoding='utf-8')
    shutil.copy(folder/FILES[0], libs/FILES[0])
