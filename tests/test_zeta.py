"The dual-kernel block and the anisotropy estimators"
import pytest
import torch
from hypothesis import given, strategies as st
from torch.testing import assert_close

from geofractal_nb.core import generator
from geofractal_nb.data.polylipse import TASKS, make_polylipse_dataset
from geofractal_nb.geometry.kappa import ZETA_BASELINE, moment_kappa, pathway_kappa, spectral_kappa, tilted_variance
from geofractal_nb.models.zeta import ZetaBlock


@given(st.integers(1, 4), st.integers(1, 9), st.sampled_from([(8, 1), (8, 2), (12, 3)]), st.integers(0, 999))
def test_padding_and_permutation(B, N, sizes, seed):
    D,H = sizes
    g = generator(seed)
    block,x = ZetaBlock(D, H, learn_mix=True, feed_forward=16).double(),torch.randn(B, N, D, generator=g, dtype=torch.float64)
    perm = torch.randperm(N, generator=g)
    assert_close(block(x)[:,perm], block(x[:,perm]))
    longer = torch.cat([x, 1e3*torch.ones(B, 3, D, dtype=torch.float64)], 1)
    assert_close(block(longer, (torch.arange(N+3)<N).expand(B, -1))[:,:N], block(x)) # padding equals absence


@pytest.mark.parametrize('value', [0., 1e-20, 1e4])
def test_block_gradients_are_finite(value):
    block = ZetaBlock(8, 2)
    block(torch.full((2, 3, 8), value)).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in block.parameters())


def test_the_zeta_constant(): assert abs(ZETA_BASELINE-3.746877697604060)<1e-12


@given(st.floats(.01, 100), st.integers(0, 999))
def test_spectral_kappa_is_blind_to_scale_and_rotation(scale, seed):
    f = torch.randn(20, 6, 5, generator=generator(seed), dtype=torch.float64)
    Q = torch.linalg.qr(torch.randn(5, 5, generator=generator(seed, 'Q'), dtype=torch.float64))[0]
    assert_close(spectral_kappa(scale*f@Q), spectral_kappa(f), atol=1e-8, rtol=1e-6)


@given(st.lists(st.floats(1e-6, 1e6), min_size=2, max_size=10))
def test_tilted_variance_is_zero_only_for_flat_spectra(eigs):
    e = torch.tensor(eigs, dtype=torch.float64)
    v = tilted_variance(e).item()
    assert v>=-1e-12 and (v>1e-15 or (e/e[0]-1).abs().max()<1e-3)


@pytest.mark.parametrize('task', TASKS)
def test_polylipse_data_are_what_they_say(task):
    before = torch.random.get_rng_state()
    X,y,mask,info = make_polylipse_dataset(5, 1.3, 50, task=task, min_len=4, dtype=torch.float64, return_focal_info=True)
    assert torch.equal(before, torch.random.get_rng_state())
    assert X.shape==(50, 16, 32) and X.dtype==torch.float64 and int(y.max())<=4 and int(mask.sum(1).min())>=4
    assert abs(info['kappa_actual']-1.3)<1e-9
    P = X@torch.linalg.pinv(info['embedding'])
    D = lambda p: torch.cdist(p, p)
    assert_close(D(P), D(info['points']), atol=1e-8, rtol=1e-8) # every task moves sequences rigidly
    if task=='rotated': assert (y[:,0]==0).all()
    assert moment_kappa(P)>0


@pytest.mark.parametrize('dtype, scales', [(torch.float32, (1e-38, 1e-30, 1e-10, 1e10, 1e20, 1e37)), (torch.float64, (1e-300, 1e-30, 1e20, 1e300))])
def test_kappa_is_blind_to_scale(dtype, scales):
    p = torch.randn(40, 2, generator=generator(0), dtype=dtype)
    t,s = torch.randn(2, 4, 9, 3, generator=generator(1), dtype=dtype)
    for scale in scales:
        assert_close(moment_kappa(scale*p), moment_kappa(p), rtol=1e-4, atol=0)
        assert_close(moment_kappa(torch.tensor([[1., 2.]], dtype=dtype)*scale).item(), .25, rtol=1e-6, atol=0)
        assert_close(pathway_kappa(scale*t, scale*s), pathway_kappa(t, s), rtol=1e-4, atol=0)
    for scale in (1e-3, 1e15, 1e30): assert_close(spectral_kappa(scale*t, dtype=dtype), spectral_kappa(t, dtype=dtype), rtol=1e-3, atol=1e-3)
    assert_close(tilted_variance(1e-37*torch.tensor([1., 4.], dtype=dtype)), tilted_variance(torch.tensor([1., 4.], dtype=dtype)), rtol=1e-4, atol=0)


def test_moment_kappa_is_differentiable_where_points_vanish():
    p = torch.randn(5, 2, generator=generator(0), dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(moment_kappa, (p,))
    z = torch.zeros(4, 2)
    z[0] = 1
    z.requires_grad_()
    assert moment_kappa(z)==1 and torch.autograd.grad(moment_kappa(z), z)[0].isfinite().all()


def test_what_a_mask_hides_does_not_count():
    x = torch.randn(2, 5, 4, generator=generator(0))
    x[:,3:] = float('nan')
    mask = torch.arange(5).expand(2, 5)<3
    for f in (lambda x, m=None: moment_kappa(x[...,:2], m), lambda x, m=None: pathway_kappa(x, 2*x, m), spectral_kappa): assert_close(f(x, mask), f(x[:,:3]))


@pytest.mark.parametrize('change, message', [(dict(dtype=torch.int64), 'dtype must be'), (dict(n_samples=10**12), 'ask for fewer'),
    (dict(focal_config=(torch.arange(7.)/2, torch.full((7,), 1/7))), '7 foci, not n_foci=3'), (dict(focal_config=([0., 1., 2.], [.9, .9, .9])), 'sum to 1'),
    (dict(focal_config=([0., 1., 2.], [-.5, .5, 1.])), 'weights must be >= 0'), (dict(dtype=torch.float16, focal_radius=1e6), 'beyond float16')])
def test_bad_polylipses_are_named(change, message):
    with pytest.raises(ValueError, match=message): make_polylipse_dataset(3, 1.2, **change)


def test_half_precision_is_rounded_last():
    X,half = (make_polylipse_dataset(4, 1.2, 20, dtype=t)[0] for t in (torch.float32, torch.float16))
    assert half.dtype==torch.float16 and torch.equal(half, X.half())


def test_masks_without_a_token_are_refused():
    x,none = torch.randn(2, 3, 8, generator=generator(0)),torch.zeros(2, 3, dtype=torch.bool)
    one = none.clone()
    one[0,0] = True # the second sequence is still empty
    for call in (lambda m: ZetaBlock(8, 2)(x, m), lambda m: ZetaBlock(8, 2).pathways(x, m), lambda m: spectral_kappa(x, m)):
        for mask in (none, one):
            with pytest.raises(ValueError, match='every sequence needs a token'): call(mask)
    with pytest.raises(ValueError, match='no point counts'): moment_kappa(x[...,:2], none)
    with pytest.raises(ValueError, match='no token counts'): pathway_kappa(x, x, none)


@pytest.mark.parametrize('poison', [float('nan'), float('inf'), 1e30])
@pytest.mark.parametrize('more', [{}, dict(depth=2, feed_forward=8, learn_mix=True)], ids=['one', 'deep'])
def test_what_a_masked_token_holds_changes_nothing(poison, more):
    block,x = ZetaBlock(8, 2, **more),torch.randn(3, 5, 8, generator=generator(0))
    mask = torch.arange(5)<torch.tensor([[5], [3], [1]])
    found = []
    for value in (0., poison):
        z = torch.where(mask[...,None], x, value).requires_grad_()
        block.zero_grad()
        out = block(z, mask)
        out[mask].square().sum().backward()
        assert out.isfinite().all() and z.grad.isfinite().all() and (z.grad[~mask]==0).all()
        found.append([out[mask], z.grad[mask], *(p.grad.clone() for p in block.parameters()), *(t[mask] for t in block.pathways(z, mask))])
    for a,b in zip(*found): assert torch.equal(a, b)


def test_a_nan_that_counts_stays_in_its_own_sequence():
    block,x = ZetaBlock(8, 2),torch.randn(3, 5, 8, generator=generator(0))
    broken = x.clone()
    broken[1,2,3] = torch.nan
    assert_close(block(broken)[[0, 2]], block(x)[[0, 2]])


def test_unusual_input_gives_the_same_answer():
    block,x = ZetaBlock(8, 2),torch.randn(3, 5, 8, generator=generator(0))
    mask = torch.ones(3, 5, dtype=torch.bool)
    for given in (x.numpy(), x.double(), x.tolist(), x.numpy().astype('>f4'), x.mT.contiguous().mT): assert_close(block(given, mask.numpy()), block(x))
