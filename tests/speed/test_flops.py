"""The counts of products: closed forms, PyTorch's counter, and those of whole steps."""

from collections import Counter
from functools import partial

import jax
import jax.numpy as jnp
import optax
import pytest
from jax import lax

from benchmarks.speed.flops import count_flops, count_products
from gan_jax.augment import AUGMENTS
from gan_jax.dynamics import alternating
from gan_jax.gan import Gan, Term, init_state
from gan_jax.layers import INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.basic import Style
from gan_jax.layers.convolution import convolution, transposed_convolution
from gan_jax.losses import LOSSES
from gan_jax.models import MODELS
from gan_jax.penalties import PENALTIES
from gan_jax.step import train_step
from gan_jax.types import Batch

CONVOLUTIONS = ("convolve", "spread", "correlate")


def some(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def squared(function):
    """A loss whose gradient needs the function's value."""
    return lambda *arguments: (function(*arguments) ** 2).sum()


X, W = some(5, 6), some(6, 7)
DENSE = 2 * 5 * 6 * 7
"""Of `X W`."""


@pytest.mark.parametrize("over, count", [((), 1), ((1,), 2), ((0, 1), 3)])
def test_dense_layer_costs_2_bio_forward_and_for_each_gradient(over, count):
    function = squared(jnp.matmul)
    if over:
        function = jax.grad(function, over)
    assert count_flops(function, X, W) == count * DENSE


@pytest.mark.parametrize("over, count", [((), 1), ((1,), 2), ((0, 1), 3)])
@pytest.mark.parametrize("make", ["ours", "lax"])
def test_strided_convolution_and_its_gradients_cost_every_place_at_every_output(
    make, over, count
):
    """4x4 places at 4x4 outputs of 8x8 images, the zeros around them included."""
    layer = {"ours": partial(convolution, stride=2), "lax": strided}[make]
    function = squared(layer)
    if over:
        function = jax.grad(function, over)
    found = count_flops(function, some(3, 8, 8, 2), some(4, 4, 2, 5))
    assert found == count * 2 * 3 * (4 * 4) * (4 * 4) * 2 * 5


@pytest.mark.parametrize("over, count", [((), 1), ((1,), 2), ((0, 1), 3)])
@pytest.mark.parametrize("make", ["ours", "lax"])
def test_transposed_convolution_costs_every_place_at_every_input(make, over, count):
    layers = {"ours": partial(transposed_convolution, stride=2), "lax": transposed}
    function = squared(layers[make])
    if over:
        function = jax.grad(function, over)
    found = count_flops(function, some(3, 4, 4, 2), some(4, 4, 2, 5))
    assert found == count * 2 * 3 * (4 * 4) * (4 * 4) * 2 * 5


def strided(x, w):
    return lax.conv_general_dilated(
        x, w, (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def transposed(x, w):
    return lax.conv_transpose(x, w, (2, 2), "SAME")


def test_vmap_over_kernels_costs_as_many_convolutions():
    one = partial(convolution, stride=1)
    x, w = some(3, 8, 8, 2), some(9, 3, 3, 2, 5)
    single = 2 * 3 * 64 * 9 * 2 * 5
    assert count_flops(jax.vmap(one, (None, 0)), x, w) == 9 * single
    assert count_flops(jax.vmap(one), some(9, *x.shape), w) == 9 * single


def test_groups_divide_the_channels_that_meet():
    def grouped(x, w):
        return lax.conv_general_dilated(
            x,
            w,
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=4,
        )

    found = count_flops(grouped, some(3, 8, 8, 4), some(3, 3, 1, 8))
    assert found == 2 * 3 * 64 * 9 * 8


def test_unused_product_costs_nothing():
    @jax.jit
    def both(x, w):
        return x @ w, x + 1

    assert count_flops(lambda x, w: both(x, w)[1], X, W) == 0
    assert count_flops(both, X, W) == DENSE


def test_product_computed_twice_costs_once():
    """Behind jit, and behind a function with a derivative of its own, too."""

    def twice(x, w):
        once, again = x @ w, jax.jit(jnp.matmul)(x, w)
        return jax.nn.relu(once) @ w.T + jax.checkpoint(jax.nn.relu)(again) @ w.T

    assert count_flops(twice, X, W) == 2 * DENSE


def test_different_products_are_not_taken_for_one():
    assert (
        count_flops(lambda x, w: x @ w + (2 * x) @ w + (3 * x) @ w, X, W) == 3 * DENSE
    )
    square = some(6, 6)
    assert count_flops(lambda a, b: a @ b + b @ a, square, square) == 2 * 2 * 6**3


def test_scan_costs_its_length_and_a_branch_the_dearest():
    def scanned(x, w):
        return lax.scan(lambda x, _: (jnp.tanh(x @ w @ w.T), None), x, None, 5)

    def branched(x, w):
        branches = [lambda x: x, lambda x: x @ w @ w.T, lambda x: (x @ w)[:, :6]]
        return lax.switch(jnp.int32(x[0, 0]), branches, x)

    def looped(x, w):
        return lax.while_loop(lambda x: x.sum() < 9, lambda x: x @ w @ w.T, x)

    assert count_flops(scanned, X, W) == 5 * 2 * DENSE
    assert count_flops(branched, X, W) == 2 * DENSE
    assert count_flops(looped, X, W) == 2 * DENSE


def test_forms_are_counted_by_name():
    def three(x, w):
        y = convolution(x, w, 2)
        return transposed_convolution(y, w.swapaxes(2, 3), 2), y.sum((1, 2)) @ w[0, 0].T

    found = count_products(three, some(3, 8, 8, 2), some(4, 4, 2, 5))
    assert found == Counter(convolve=1, spread=1, dot_general=1)


def pair_of(name, shape, width):
    style = Style(NORMS["none"], None, INITIALIZERS["he"](1.0))
    return MODELS[name](shape, style, style, OUTPUTS["tanh"], width=width)


@pytest.mark.oracle("torch")
def test_counts_are_those_of_pytorchs_counter():
    """Forward and backward of a discriminator, in its parameters."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from benchmarks.speed.torch_step import NETWORKS

    shape, batch = (16, 16, 3), 5
    _, theirs = NETWORKS["dcgan"](shape, 4, 6)
    with FlopCounterMode(display=False) as counter:
        theirs(torch.zeros(batch, 3, 16, 16)).sum().backward()

    _, ours = pair_of("dcgan", shape, 4)
    x = some(batch, *shape)
    params = jax.eval_shape(partial(ours.init, train=True), jax.random.key(0), x)

    def loss(params, x):
        return ours.apply(params, x, train=True).sum()

    assert count_flops(jax.value_and_grad(loss), params, x) == counter.get_total_flops()


L = 3
"""Convolutions of each DCGAN at 32 pixels."""
PLAIN_STEP = {
    "G on both players' latents": 2 * L,
    "D on reals, fakes, and the fakes of G's turn": 3 * L,
    "gradients in D's kernels, by reals and fakes": 2 * L,
    "in the inputs of D's layers but the first": 2 * (L - 1),
    "in the fake": L,
    "gradients in G's kernels": L,
    "in the inputs of G's transposed layers": L,
}
SLOPE = {"D's gradient in its input": L, "its own, in kernels": L, "in layers": L}


@pytest.mark.parametrize(
    "penalty, augment, more",
    [
        ("none", "none", {}),
        ("r1", "none", SLOPE),  # D on reals is the loss's
        ("r1", "bgc", SLOPE),  # through the augmentation, too
        ("wgan_gp", "none", SLOPE | {"D between real and fake": L}),
    ],
)
def test_a_step_needs_no_convolution_but_those_derived_by_hand(penalty, augment, more):
    shape = (32, 32, 3)
    sgd = optax.sgd(0.1)
    gan = Gan(
        *pair_of("dcgan", shape, 2),
        loss=LOSSES["non_saturating"],
        z_dim=5,
        data_shape=shape,
        g_optimizer=sgd,
        d_optimizer=sgd,
        dynamics=alternating,
        penalties=(
            Term(
                PENALTIES[penalty],
                lambda step: 10.0,
                through_augment=augment != "none",
            ),
        ),
        augment=AUGMENTS[augment],
    )
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    found = count_products(
        partial(train_step, gan), state, Batch(some(1, 4, *shape), None)
    )
    expected = sum((PLAIN_STEP | more).values())
    assert sum(found[name] for name in CONVOLUTIONS) == expected
