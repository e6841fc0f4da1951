"Prediction with pruned classes as ratios at the source's headline shape, one process, medians"
import tempfile

import torch
import torch.nn.functional as F

from geofractal_nb.data.synthetic import clip_like
from geofractal_nb.models.david import GeoFractalDavid
from geofractal_nb.models.pruning import class_bounds, predict, top_classes
from geofractal_nb.models.start import start_from_data
from timing import medians

SCALES,C,K,B = (384, 512, 768, 1024, 1280),1000,12,1024


def plain(model, x):
    "The straightforward way: a product with the centroids, then the distance to every vertex"
    f = model.prepare(x)
    values,logits = model.cantor_stairs(f)[0],0
    for w,head in zip(model.fusion(), model.heads.values()):
        q,V = head.query(f),head.class_prototypes
        feature = q@F.normalize(V.mean(1), dim=-1).T
        crystal = -torch.cdist(q, V.reshape(-1, V.shape[-1])).view(len(q), *V.shape[:2]).amin(-1)
        cantor = -(values[:,None]-head.cantor_prototypes).square()
        logits = logits+w*sum(g*t for g,t in zip(head.mix(), (feature, cantor, crystal)))
    return logits.argmax(1)


@torch.no_grad()
def main():
    print(f'torch {torch.__version__}, {torch.get_num_threads()} threads, {C} classes, k={K}, '
          f'scales {SCALES}, batch {B}')
    with tempfile.TemporaryDirectory() as folder:
        X,y,*_ = clip_like(C, 12, 512, folder=folder)
        X,y = torch.as_tensor(X).clone(),torch.as_tensor(y).clone()
    model = GeoFractalDavid(512, C, K, SCALES, linear=True).eval()
    start_from_data(model, [(X[B:], y[B:])])
    x,bounds = X[:B],class_bounds(model)
    same = torch.equal(predict(model, x, bounds), model(x).argmax(1))
    for n in (1, 5):
        print(f'best {n}: vertices of {top_classes(model, x, n, bounds)[2]:.2%} of the classes')
    t = medians(5, plain=lambda: plain(model, x), full=lambda: model(x).argmax(1),
                pruned=lambda: predict(model, x, bounds),
                five=lambda: top_classes(model, x, 5, bounds), found=lambda: class_bounds(model))
    print(f"the full computation's classes: {same}")
    for n,s in t.items():
        print(f"{n:>7}: {1000*s:7.0f} ms, {t['plain']/s:5.2f} times plain, {t['full']/s:5.2f} full")


if __name__=='__main__': main()
