"""What every pair starts with: scales of logits, images and gradients.

A choice beside the pair (labels, packs, minibatch layers, activations like ReLU) must
not change these by more than a factor of 3; a choice that is about scale (spectral
normalization, initializers) may make them smaller, for the reason in QUIETER.
"""

from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn.datasets import load_digits

from gan_jax.gan import pack_examples
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS, OUTPUTS, Style
from gan_jax.models import MODELS

B, Z, SEEDS = 24, 64, 12
SHAPES = {"conv_7x7": (28, 28, 1), "dcgan64": (64, 64, 1)} | dict.fromkeys(
    ["pacgan", "deep_mlp"], (2,)
)
WIDTHS = {"conv_7x7": 8, "dcgan64": 8, "resnet": 64} | dict.fromkeys(
    ["dcgan", "resize", "dense_conv"], 16
)
"""Widths below the pair's own, where that saves time."""
PAIRS = [name for name in MODELS if name != "dirac"]


class Choice(NamedTuple):
    labels: int | None = None
    pack: int = 1
    minibatch: str = "none"
    d_spectral: bool = False
    g_spectral: bool = False
    activation: str | None = None
    init: str = "he"


BASE = {name: Choice() for name in PAIRS} | {"resnet": Choice(d_spectral=True)}
"""resnet: its D sums over space, and its paper has spectral normalization only. Without
it, initial logits are about 80, and G's gradient is 0."""

BESIDE = {
    "labels": {"labels": 10},
    "few labels": {"labels": 2},
    "many labels": {"labels": 100},
    "pack 2": {"pack": 2},
    "pack 3": {"pack": 3},
    "stddev": {"minibatch": "stddev"},
    "discrimination": {"minibatch": "discrimination"},
    "relu": {"activation": "relu"},
    "leaky_relu": {"activation": "leaky_relu"},
    "prelu": {"activation": "prelu"},
}

QUIETER = {
    "d_spectral": "Each kernel of D has norm 1, less than He's.",
    "g_spectral": "Each kernel of G has norm 1, less than He's.",
    "normal": "Deviation 0.02 is DCGAN's, for layers of 1,000 inputs and batch norm.",
    "xavier": "Variance 2 / (in + out): layers that widen gain less than He's.",
    "orthogonal": "Gain 1, as in PyTorch; He's is sqrt(2).",
    "silu": "Near 0 it is x / 2; He's gain is for ReLU.",
}
"""Choices that may lower the scales, and why."""

OF_SCALE = {
    "d_spectral": {"d_spectral": True},
    "g_spectral": {"g_spectral": True},
    "normal": {"init": "normal"},
    "xavier": {"init": "xavier"},
    "orthogonal": {"init": "orthogonal"},
    "silu": {"activation": "silu"},
}

APART = {("resnet", "logits")}
"""With labels. This D sums rectified features, which are alike for all images: without
labels their logits are nearly one number, with labels one number a class."""


LOUDER = {("resnet", "d_gradient")}
"""With a quieter G. D's gradient is of the difference between reals and fakes. Its
rectified features of He's fakes are much like those of the reals and cancel; grey
fakes have weaker features, which leave those of the reals."""


class Scales(NamedTuple):
    """Of the reals' logits the deviation; `|grad_x D|^2 / 2`; the deviation of G's
    outputs; and the norms of the players' gradients, of Wasserstein's loss, which does
    not weigh them by chance offsets of the logits."""

    logits: float
    r1: float
    images: float
    g_gradient: float
    d_gradient: float


def reals(shape, count):
    if len(shape) == 1:
        return jax.random.normal(jax.random.key(7), (count, *shape))
    digits = load_digits().images[:count, ..., None] / 8 - 1
    return jax.image.resize(digits, (count, *shape), "linear")


def networks(name, choice):
    """The pair of a choice, with its initializer."""
    shape = SHAPES.get(name, (8, 8, 1))
    activation = choice.activation and ACTIVATIONS[choice.activation]
    init = INITIALIZERS[choice.init](1.0)
    style = Style(NORMS["none"], activation, init, label_count=choice.labels)
    d_style = style._replace(
        spectral=choice.d_spectral, minibatch=MINIBATCH[choice.minibatch]
    )
    output = OUTPUTS["tanh" if len(shape) == 3 else "linear"]
    g_style = style._replace(spectral=choice.g_spectral)
    width = {"width": WIDTHS[name]} if name in WIDTHS else {}
    return MODELS[name](shape, g_style, d_style, output, **width)


def batch(name, choice):
    """Packed reals, D's labels, and G's."""
    shape, count = SHAPES.get(name, (8, 8, 1)), B * choice.pack
    real = pack_examples(choice.pack, reals(shape, count))
    if choice.labels is None:
        return real, None, None
    return real, jnp.arange(B) % choice.labels, jnp.arange(count) % choice.labels


@cache
def measurer(name, choice):
    """`(G's variables, D's variables, key) -> Scales`; the initializer is not used."""
    generator, discriminator = networks(name, choice)
    real, label, g_label = batch(name, choice)

    def measure(g, d, key):
        z = jax.random.normal(key, (B * choice.pack, Z))

        def judge(params, x):
            return discriminator.apply(d | {"params": params}, x, label, train=False)

        def make(params):
            images = generator.apply(g | {"params": params}, z, g_label, train=False)
            return pack_examples(choice.pack, images)

        logits, pull = jax.vjp(judge, d["params"], real)
        fake, g_pull = jax.vjp(make, g["params"])
        _, fake_pull = jax.vjp(judge, d["params"], fake)
        of_reals, slope = pull(jnp.ones(B))
        of_fakes, of_images = fake_pull(jnp.ones(B) / B)
        return Scales(
            logits.std(),
            (slope**2).sum() / B / 2,
            fake.std(),
            optax.tree.norm(g_pull(of_images)),
            optax.tree.norm(jax.tree.map(lambda a, b: b - a / B, of_reals, of_fakes)),
        )

    return jax.jit(measure)


@cache
def scales(name, choice):
    """The scales as means over seeds."""
    generator, discriminator = networks(name, choice)
    real, label, g_label = batch(name, choice)
    z = jnp.zeros((B * choice.pack, Z))
    g_init = jax.jit(partial(generator.init, train=True))
    d_init = jax.jit(partial(discriminator.init, train=True))
    measure = measurer(name, choice._replace(init="he"))
    found = []
    for seed in range(SEEDS):
        g_key, d_key, key = jax.random.split(jax.random.key(seed), 3)
        g, d = g_init(g_key, z, g_label), d_init(d_key, real, label)
        found.append(measure(g, d, key))
    return Scales(*np.mean(np.asarray(found), axis=0))


def ratios(name, choice, base):
    pairs = zip(scales(name, choice), scales(name, base), strict=True)
    return {field: a / b for field, (a, b) in zip(Scales._fields, pairs, strict=True)}


def outside(pair, name, found):
    """The scales that are not within a factor of 3, known exceptions aside."""
    return {
        field
        for field, ratio in found.items()
        if not 1 / 3 <= ratio <= 3 and not ("labels" in name and (pair, field) in APART)
    }


def cases(names, quick, slow=()):
    """All choices of all pairs; those of resize are slow, of mlp some."""

    def mark(pair, name):
        if pair == "mlp" and name in quick:
            return ()
        chosen = pair in ("mlp", "resize") and name in (*quick, *slow)
        return pytest.mark.slow if chosen else pytest.mark.exhaustive

    return pytest.mark.parametrize(
        "pair, name",
        [pytest.param(p, n, marks=mark(p, n)) for p in PAIRS for n in names],
    )


@cases(BESIDE, ("labels", "discrimination"), ("few labels", "pack 3", "stddev"))
def test_what_stands_beside_a_pair_keeps_its_initial_scales(pair, name):
    base = BASE[pair]
    found = ratios(pair, base._replace(**BESIDE[name]), base)
    assert not outside(pair, name, found), found


@cases(QUIETER, ("normal",), ("d_spectral", "g_spectral"))
def test_what_is_about_scale_makes_a_pair_quieter_at_most(pair, name):
    base = BASE[pair]
    found = ratios(pair, base._replace(**OF_SCALE[name]), base)
    over = {(pair, field) for field, ratio in found.items() if ratio > 3}
    assert over <= LOUDER, found


@cases(QUIETER, ("normal",), ("d_spectral", "orthogonal"))
def test_labels_keep_the_initial_scales_whatever_these_are(pair, name):
    base = BASE[pair]._replace(**OF_SCALE[name])
    found = ratios(pair, base._replace(labels=10), base)
    assert not outside(pair, "labels", found), found


def test_every_initializer_and_minibatch_layer_is_tested():
    choices = [*BESIDE.values(), *OF_SCALE.values()]
    tested = {value for choice in choices for value in choice.values()}
    assert {*INITIALIZERS, *MINIBATCH, *ACTIVATIONS} - {"he", "none"} <= tested


FEATURES = 256
ROWS = {
    "he": lambda classes: np.sqrt(2 / FEATURES),
    "normal": lambda classes: 0.02,
    "xavier": lambda classes: np.sqrt(2 / (FEATURES + classes)),
    "orthogonal": lambda classes: 1 / np.sqrt(FEATURES),
}
"""Deviations of a kernel with so many inputs and one output a class."""


def embedding(module, x, classes):
    """The network's kernel of one row a class, as initialized."""
    variables = module.init(jax.random.key(0), x, jnp.zeros(1, int), train=True)
    kernels = [layer["kernel"] for layer in variables["params"].values()]
    (rows,) = (kernel for kernel in kernels if kernel.shape[0] == classes)
    return np.asarray(rows, np.float64)


@pytest.mark.parametrize(
    "classes, init",
    [
        (3, "he"),
        (100, "he"),
        *(
            pytest.param(3, name, marks=pytest.mark.slow)
            for name in sorted(INITIALIZERS.keys() - {"he"})
        ),
    ],
)
def test_class_embeddings_start_at_the_scale_of_features_and_of_latents(init, classes):
    """D's rows like the kernel of its last layer, G's like z."""
    style = Style(NORMS["none"], None, INITIALIZERS[init](1.0), label_count=classes)
    output = OUTPUTS["linear"]
    pair = MODELS["mlp"]((2,), style, style, output, width=FEATURES)
    in_g = embedding(pair[0], jnp.zeros((1, FEATURES)), classes)
    in_d = embedding(pair[1], jnp.zeros((1, 2)), classes)
    for rows, deviation in ((in_d, ROWS[init](classes)), (in_g, 1.0)):
        assert rows.shape == (classes, FEATURES)
        # Five deviations of a sample deviation.
        bound = 5 / np.sqrt(2 * rows.size)
        assert abs(np.sqrt((rows**2).mean()) / deviation - 1) < bound
