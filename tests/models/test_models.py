"""Every pair of networks: what it makes, of which layers, and what it couples."""

from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.assembly.assemble import build
from gan_jax.config import Config, DatasetConfig, ModelConfig
from gan_jax.layers import INITIALIZERS, NORMS, Style
from gan_jax.layers.basic import Conv, downsample, upsample
from gan_jax.layers.convolution import convolution
from gan_jax.methods import METHODS
from gan_jax.models import MODELS, resize, resnet

SIDES = (8, 16, 28, 32, 64)
SUPPORTED = {
    "mlp": SIDES,
    "dcgan": SIDES,
    "resize": SIDES,
    "resnet": SIDES,
    "dense_conv": SIDES,
    "conv_7x7": (28,),
    "dcgan64": (64,),
    "pacgan": SIDES,
    "deep_mlp": SIDES,
}
DENSE = ("mlp", "pacgan", "deep_mlp")
CONVOLUTIONAL = [name for name in SUPPORTED if name not in DENSE]
Z = 6


def style(norm="none", spectral=False):
    return Style(NORMS[norm], None, INITIALIZERS["he"](1.0), spectral)


def pair(name, shape, g=None, d=None, width=4):
    make = MODELS[name]
    return make(shape, g or style(), d or style(), jnp.tanh, width=width)


def outline(module, shape):
    """Output and variables of `module` on a batch of 3, as shapes."""
    init = partial(module.init_with_output, label=None, train=True)
    return jax.eval_shape(init, jax.random.key(0), jnp.zeros((3, *shape)))


def variables_of(module, shape):
    """Variables with random parameters; compiling `init` would take longer."""
    random = np.random.default_rng(0)
    _, shapes = outline(module, shape)
    variables = jax.tree.map(lambda x: jnp.ones(x.shape), shapes)
    params = jax.tree.map(
        lambda x: jnp.asarray(0.3 * random.standard_normal(x.shape), jnp.float32),
        shapes["params"],
    )
    return {**variables, "params": params}


def slow_but(*quick, among):
    """The names as parameters, all but some marked slow."""
    return [
        pytest.param(name, marks=() if name in quick else pytest.mark.slow)
        for name in among
    ]


def kernels(module, shape):
    """The shapes of all kernels, sorted."""
    _, variables = outline(module, shape)
    leaves = jax.tree_util.tree_leaves_with_path(variables["params"])
    return sorted(leaf.shape for path, leaf in leaves if path[-1].key == "kernel")


def test_every_pair_is_tested():
    assert {*SUPPORTED, "dirac"} == set(MODELS)  # dirac: in test_games


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    "name, side", [(name, side) for name in SUPPORTED for side in SUPPORTED[name]]
)
def test_generator_makes_images_and_discriminator_one_logit_each(name, side, channels):
    shape = (side, side, channels)
    generator, discriminator = pair(name, shape)
    assert outline(generator, (Z,))[0].shape == (3, *shape)
    assert outline(discriminator, shape)[0].shape == (3,)


@pytest.mark.parametrize("name", DENSE)
def test_dense_pairs_make_points(name):
    generator, discriminator = pair(name, (2,))
    assert outline(generator, (Z,))[0].shape == (3, 2)
    assert outline(discriminator, (2,))[0].shape == (3,)


def test_dcgan_at_32_doubles_its_channels_at_each_halving():
    w, c = 8, 3
    generator, discriminator = pair("dcgan", (32, 32, c), width=w)
    assert kernels(generator, (Z,)) == sorted(
        [(Z, 4 * 4 * 4 * w), (4, 4, 4 * w, 2 * w), (4, 4, 2 * w, w), (4, 4, w, c)]
    )
    assert kernels(discriminator, (32, 32, c)) == sorted(
        [(4, 4, c, w), (4, 4, w, 2 * w), (4, 4, 2 * w, 4 * w), (4 * 4 * 4 * w, 1)]
    )


def test_pacgan_has_the_layers_of_its_released_code():
    """400 units and no bias but the last in G; 5 pieces of 200 units in D."""
    plain = Config(
        dataset=DatasetConfig("ring"),
        model=ModelConfig("pacgan", z_dim=2, g_norm="batch"),
    )
    gan = build(plain)
    _, variables = outline(gan.generator, (2,))
    hidden = 3 * [(400, 400)]
    assert kernels(gan.generator, (2,)) == sorted([(2, 400), *hidden, (400, 2)])
    means = jax.tree.map(lambda x: x.shape, variables["batch_stats"])
    assert [layer["mean"] for layer in means.values()] == 4 * [(400,)]
    biased = [k for k, layer in variables["params"].items() if "kernel" in layer]
    biased = [k for k in biased if "bias" in variables["params"][k]]
    assert biased == ["Dense_4"]
    hidden = 2 * [(200, 1000)]
    assert kernels(gan.discriminator, (2,)) == sorted([(2, 1000), *hidden, (200, 1)])


def test_deep_mlp_has_the_layers_of_the_alpha_gan():
    """4 x 400 units in G, 4 x 200 in D."""
    generator, discriminator = pair("deep_mlp", (2,), width=200)
    hidden = 3 * [(400, 400)]
    assert kernels(generator, (2,)) == sorted([(2, 400), *hidden, (400, 2)])
    hidden = 3 * [(200, 200)]
    assert kernels(discriminator, (2,)) == sorted([(2, 200), *hidden, (200, 1)])


def test_pacgan_discriminator_takes_packed_points():
    _, discriminator = pair("pacgan", (2,), width=200)
    assert (6, 1000) in kernels(discriminator, (6,))


FOUNDING = {
    "dense_conv": (
        28,
        [(100, 256), (256, 512), (512, 28 * 28)],
        [(3, 3, 1, 32), (3, 3, 32, 64), (7 * 7 * 64, 1)],
    ),
    "dcgan64_gp": (
        64,
        [
            (100, 4 * 4 * 512),
            (4, 4, 512, 256),
            (4, 4, 256, 128),
            (4, 4, 128, 64),
            (4, 4, 64, 1),
        ],
        [(4, 4, 1, 64), (4, 4, 64, 128), (4, 4, 128, 256), (8 * 8 * 256, 1)],
    ),
    "mlp_sgd": (
        28,
        [(100, 128), (128, 128), (128, 784)],
        [(784, 128), (128, 128), (128, 1)],
    ),
    "mlp_leaky": (
        28,
        [(100, 128), (128, 128), (128, 784)],
        [(784, 128), (128, 128), (128, 1)],
    ),
}


def founding(name, side):
    config = replace(METHODS[name], dataset=DatasetConfig(resolution=side))
    gan = build(config)
    return gan, kernels(gan.generator, (gan.z_dim,)), gan.data_shape


@pytest.mark.parametrize("name", FOUNDING)
def test_founding_networks_have_the_layers_of_their_write_up(name):
    side, g_kernels, d_kernels = FOUNDING[name]
    gan, actual, shape = founding(name, side)
    assert actual == sorted(g_kernels)
    assert kernels(gan.discriminator, shape) == sorted(d_kernels)


@pytest.mark.parametrize("side", [28, 56])
def test_conv_7x7_has_the_layers_of_its_write_up(side):
    """Dense 128, 1024, 7 * 7 * 256: whether 128 is z or a layer, 128 meets 1024."""
    gan, actual, shape = founding("conv_7x7", side)
    transposed = [(4, 4, 256, 128), (4, 4, 128, 64), (4, 4, 64, 1)]
    dense = [(1024, 7 * 7 * 256)]
    assert set(transposed + dense) <= set(actual)
    assert outline(gan.generator, (gan.z_dim,))[0].shape == (3, side, side, 1)
    flat = (side // 4) ** 2 * 128
    assert kernels(gan.discriminator, shape) == sorted(
        [(4, 4, 1, 64), (4, 4, 64, 128), (flat, 1)]
    )
    assert (128, 1024) in actual


def test_dcgan64_generator_has_batch_norm_and_no_bias_in_its_dense_layer():
    gan, _, _ = founding("dcgan64_gp", 64)
    _, variables = outline(gan.generator, (gan.z_dim,))
    means = jax.tree.map(lambda x: x.shape, variables["batch_stats"])
    assert sorted(layer["mean"] for layer in means.values()) == [
        (64,),
        (128,),
        (256,),
        (512,),
    ]
    assert set(variables["params"]["Dense_0"]) == {"kernel"}


@pytest.mark.parametrize(
    "name, side",
    [(name, 9) for name in CONVOLUTIONAL if name != "dense_conv"]
    + [("dcgan", 18), ("resize", 36), ("conv_7x7", 32), ("dcgan64", 32)],
)
def test_unsupported_resolutions_are_refused_by_name(name, side):
    config = Config(
        dataset=DatasetConfig(resolution=side), model=ModelConfig(name, width=4)
    )
    with pytest.raises(ValueError, match=rf"dataset\.resolution {side}"):
        build(config)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_convolutional_pairs_refuse_points(name):
    config = Config(dataset=DatasetConfig("ring"), model=ModelConfig(name, width=4))
    with pytest.raises(ValueError, match=r"model\.name.*square images.*\(2,\)"):
        build(config)


def small(name):
    """A small shape with a norm in D, and a width at which D still sees its input."""
    side = 16 if name == "dcgan" else SUPPORTED[name][0]
    return (side, side, 1), 128 if name in DENSE else 4


@cache
def couplings(name, norm, train, spectral=False):
    """`|d D(x_i) / d x_j|_2`, `[3, 3]`, at random inputs."""
    shape, width = small(name)
    _, discriminator = pair(name, shape, d=style(norm, spectral), width=width)
    x = jax.random.normal(jax.random.key(1), (3, *shape))

    variables = variables_of(discriminator, shape)

    def logits(x):
        mutable = ["batch_stats"] if train else []
        return discriminator.apply(variables, x, None, train=train, mutable=mutable)[0]

    jacobian = jax.jit(jax.jacrev(logits))(x).reshape(3, 3, -1)
    return np.linalg.norm(jacobian, axis=-1)


INDEPENDENT = [
    (name, norm)
    for name in SUPPORTED
    for norm in ("none", "layer", "group", "instance")
    if not (name in DENSE and norm == "instance")
]


def assert_independent(norms):
    assert np.all(np.diag(norms) > 1e-6)
    np.testing.assert_array_equal(norms, np.diag(np.diag(norms)))


def one_norm_each():
    """Every pair of networks with another norm; the other ones marked slow."""
    quick = {
        (name, [norm for other, norm in INDEPENDENT if other == name][index % 3])
        for index, name in enumerate(SUPPORTED)
    }
    return [
        pytest.param(*pair, marks=() if pair in quick else pytest.mark.slow)
        for pair in INDEPENDENT
    ]


@pytest.mark.parametrize("name, norm", one_norm_each())
def test_logit_depends_on_its_own_example_alone(name, norm):
    assert_independent(couplings(name, norm, train=False))


@pytest.mark.parametrize("width", [8, 32])
def test_group_norm_of_few_units_still_sees_the_input(width):
    """One unit per group would be normalized to a constant."""
    _, discriminator = pair("mlp", (2,), d=style("group"), width=width)
    variables = variables_of(discriminator, (2,))
    x = jax.random.normal(jax.random.key(1), (3, 2))
    judge = jax.jit(partial(discriminator.apply, label=None, train=False))
    logits = judge(variables, x)
    assert logits.std() > 1e-3


@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_spectral_norm_leaves_examples_independent(name):
    assert_independent(couplings(name, "none", train=False, spectral=True))


@pytest.mark.parametrize("name", slow_but("mlp", "dcgan", "resnet", among=SUPPORTED))
def test_batch_norm_in_training_couples_examples(name):
    norms = couplings(name, "batch", train=True)
    assert np.all(norms > 1e-6)


@pytest.mark.parametrize("norm", slow_but("batch", among=["none", "batch"]))
@pytest.mark.parametrize("name", SUPPORTED)
def test_image_does_not_depend_on_the_batch_when_sampling(name, norm):
    shape, width = small(name)
    generator, _ = pair(name, shape, g=style(norm), width=width)
    variables = variables_of(generator, (Z,))
    z = jax.random.normal(jax.random.key(1), (4, Z))
    others = jnp.concatenate([z[:1], 5 * z[1:] + 1])
    images = jax.jit(partial(generator.apply, variables, label=None, train=False))
    first = images(z)[0]
    assert first.std() > 1e-3
    np.testing.assert_allclose(first, images(others)[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", slow_but("dcgan", among=["mlp", "dcgan", "resnet"]))
def test_bf16_layers_multiply_in_bfloat16_and_answer_in_float32(name):
    exact = Config(
        dataset=DatasetConfig("digits"),
        model=ModelConfig(name, width=4, z_dim=Z, g_norm="batch", d_spectral=True),
    )
    gans = [build(replace(exact, precision=p)) for p in ("float32", "bf16")]
    random = np.random.default_rng(0)
    inputs = {
        "generator": jnp.asarray(random.normal(size=(64, Z)), jnp.float32),
        "discriminator": jnp.asarray(random.uniform(-1, 1, (64, 8, 8, 1)), jnp.float32),
    }
    for player, x in inputs.items():
        modules = [getattr(gan, player) for gan in gans]
        init = jax.jit(partial(modules[0].init, train=True))
        variables = init(jax.random.key(0), x)
        calls = [partial(module.apply, train=False) for module in modules]
        with jax.default_matmul_precision("highest"):
            full = calls[0](variables, x)
        with jax.default_matmul_precision("bfloat16"):  # At the highest none is bf16.
            half = calls[1](variables, x)
            program = str(jax.make_jaxpr(calls[1])(variables, x))
        assert half.dtype == jnp.float32
        error = np.linalg.norm(half - full) / np.linalg.norm(full)
        assert 0 < error < 0.03  # A bfloat16 holds 8 bits: 2^-8 = 0.4% per rounding.
        kinds = ("dot_general[", "convolve[", "spread[")
        products = [
            line for line in program.splitlines() if any(kind in line for kind in kinds)
        ]
        halves = ["bf16[" in line for line in products]
        assert any(halves)
        assert all(halves) == (player == "generator")  # D's logits are float32.


def test_bf16_layers_are_tested_at_any_precision_around_the_tests():
    with jax.default_matmul_precision("highest"):
        test_bf16_layers_multiply_in_bfloat16_and_answer_in_float32("mlp")


@pytest.mark.parametrize("name", ["resize", "resnet"])
def test_resizing_convolutions_are_those_of_resized_images(name, monkeypatch):
    data = DatasetConfig("digits", resolution=32, rgb=True)
    model = ModelConfig(name, width=2)
    gan = build(Config(dataset=data, model=model))
    z, x = (
        np.random.default_rng(0).normal(size=(2, *shape)).astype(np.float32)
        for shape in ((gan.z_dim,), gan.data_shape)
    )
    pairs = [(gan.generator, z), (gan.discriminator, x)]

    def answers():
        return [
            jax.jit(partial(network.apply, train=False))(variables, inputs)
            for (network, inputs), variables in zip(pairs, given, strict=True)
        ]

    given = [
        jax.jit(partial(network.init, train=False))(jax.random.key(0), inputs)
        for network, inputs in pairs
    ]
    found = answers()
    forms = {
        "up_conv": lambda x, w, s: convolution(upsample(x), w, 1),
        "down_conv": lambda x, w, s: downsample(convolution(x, w, 1)),
    }
    for layer, form in forms.items():
        slow = partial(Conv, size=3, stride=2, form=form)
        for networks in (resize, resnet):
            monkeypatch.setattr(networks, layer, slow)
    for one, other in zip(found, answers(), strict=True):
        assert np.ptp(other) > 0
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
