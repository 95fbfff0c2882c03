"""Every product of a step has the precision that the Config asks for."""

import re
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from products import OF_WORD, recorded_products, traced_products
from small_gans import R1, game, points

from gan_jax.assembly.assemble import build
from gan_jax.config import Config, ModelConfig, PenaltyConfig
from gan_jax.config.serialization import from_json, to_json
from gan_jax.data import Spec
from gan_jax.gan import init_state
from gan_jax.layers import Style
from gan_jax.layers.basic import Conv, Dense
from gan_jax.layers.convolution import convolution, transposed_convolution
from gan_jax.layers.norms import no_norm
from gan_jax.precision import use_precision
from gan_jax.sampling import sample
from gan_jax.step import train_step, train_steps
from gan_jax.types import Batch

ASKED = {
    "highest": lax.Precision.HIGHEST,
    "tf32": lax.Precision.HIGH,
    "float32": None,
    "bf16": lax.Precision.DEFAULT,
}
SHAPE, B = (16, 16, 1), 4
DCGAN = Config(
    batch_size=B,
    model=ModelConfig("dcgan", width=4, z_dim=3),
    penalty=PenaltyConfig("r1", 1.0),
)
"""Its gradient penalty differentiates convolutions twice."""
SPECTRAL = replace(
    DCGAN,
    model=ModelConfig("resnet", width=4, z_dim=3, d_spectral=True, g_spectral=True),
    penalty=PenaltyConfig("wgan_gp", 1.0),
)


@cache
def traced(config):
    """The Gan, and the shapes of its state and of a batch."""
    gan = build(config, spec=Spec(SHAPE, None, 100))
    state = jax.eval_shape(partial(init_state, gan), jax.random.key(0))
    return gan, state, Batch(jax.ShapeDtypeStruct((1, B, *SHAPE), jnp.float32))


@pytest.mark.parametrize("precision", ASKED)
def test_every_product_of_a_step_has_the_asked_precision(precision):
    gan, state, batch = traced(replace(DCGAN, precision=precision))
    found = traced_products(partial(train_step, gan), state, batch)
    names = {product.name for product in found}
    assert names == {"dot_general", "convolve", "spread", "correlate"}
    assert {product.precision for product in found} == {ASKED[precision]}


@pytest.mark.parametrize("precision", ASKED)
def test_only_spectral_norms_are_more_exact_than_asked(precision):
    """Their products have a vector among their operands; those of layers have none."""
    gan, state, batch = traced(replace(SPECTRAL, precision=precision))
    found = traced_products(partial(train_step, gan), state, batch)
    of_layers = [p for p in found if p.name != "dot_general" or min(p.ranks) > 1]
    of_norms = [p for p in found if p.name == "dot_general" and min(p.ranks) == 1]
    assert {p.precision for p in of_layers} == {ASKED[precision]}
    assert of_norms and {p.precision for p in of_norms} == {lax.Precision.HIGHEST}


def scanned(gan, state, batch):
    batches = jax.tree.map(lambda x: jnp.stack([x, x]), batch)
    return train_steps(gan, state, batches)


def mapped(gan, state, batch):
    """Two copies of a state, as `seeds_step` trains many."""
    own = jax.tree.map(lambda x: jnp.stack([x, x]), state.replace(step=()))
    step = partial(train_step, gan)
    return jax.vmap(lambda own: step(own.replace(step=state.step), batch))(own)


def drawn(gan, state, batch):
    return sample(gan, state, jax.random.key(0), 2)


@pytest.mark.parametrize("place", [scanned, mapped, drawn])
def test_precision_reaches_scans_many_gans_and_samples(place):
    gan, state, batch = traced(replace(DCGAN, precision="tf32"))
    found = traced_products(partial(place, gan), state, batch)
    assert found and {p.precision for p in found} == {lax.Precision.HIGH}


@pytest.mark.parametrize("platform", ["cpu", "cuda"])
@pytest.mark.parametrize("precision", ["highest", "tf32"])
def test_lowered_step_asks_for_the_precision_in_each_product(precision, platform):
    gan, state, batch = traced(replace(DCGAN, precision=precision))
    step = jax.jit(partial(train_step, gan)).trace(state, batch)
    text = step.lower(lowering_platforms=(platform,)).as_text()
    products = re.findall(
        r"stablehlo\.(?:dot_general|convolution).*?\n?.*precision_config = [^\n]*|"
        r"stablehlo\.(?:dot_general|convolution)[^\n]*",
        text,
    )
    word = {"highest": "HIGHEST", "tf32": "HIGH"}[precision]
    assert len(products) > 30
    for line in products:
        assert len(re.findall(rf"\b{word}\b", line)) == 2, line


def test_float32_takes_the_precision_around_it_and_others_do_not():
    for precision, expected in (ASKED | {"float32": lax.Precision.HIGHEST}).items():
        gan, state, batch = traced(replace(DCGAN, precision=precision))
        with jax.default_matmul_precision("highest"):
            found = traced_products(partial(train_step, gan), state, batch)
        assert {p.precision for p in found} == {expected}


@pytest.mark.parametrize("form", [convolution, transposed_convolution])
def test_second_derivatives_in_image_and_kernel_keep_the_precision(form):
    """They differentiate each of the three forms in both of its operands."""

    def first(x, kernel):
        return (form(x, kernel, 2) ** 2).sum()

    def second(*operands):
        gradients = jax.grad(first, (0, 1))(*operands)
        return sum((gradient**2).sum() for gradient in gradients)

    def asked_second(*operands):
        with use_precision("tensorfloat32"):
            return jax.grad(second, (0, 1))(*operands)

    found = traced_products(
        asked_second, jnp.ones((1, 4, 4, 2)), jnp.ones((3, 3, 2, 2))
    )
    assert {p.name for p in found} == {"convolve", "spread", "correlate"}
    assert {p.precision for p in found} == {lax.Precision.HIGH}


def test_eager_convolution_has_the_precision_around_it(monkeypatch):
    """A form outside of jit is compiled anew for each precision."""
    layer = Conv(2, 3, Style(no_norm, None, jax.nn.initializers.ones))
    x = jnp.ones((1, 4, 4, 1))
    variables = layer.init(jax.random.key(0), x)
    for word in ("tensorfloat32", "highest"):
        with recorded_products(monkeypatch) as found, use_precision(word):
            layer.apply(variables, x)
        assert {p.precision for p in found} == {OF_WORD[word]}


@pytest.mark.parametrize("layer", [Dense, partial(Conv, size=3)])
def test_layers_of_bfloat16_compute_in_float32_at_the_highest_precision(layer):
    style = Style(no_norm, None, jax.nn.initializers.ones, dtype=jnp.bfloat16)
    module = layer(2, style=style)
    x = jnp.ones((1, 3) if layer is Dense else (1, 4, 4, 1))
    variables = module.init(jax.random.key(0), x)
    assert module.apply(variables, x).dtype == jnp.bfloat16
    with use_precision("highest"):
        assert module.apply(variables, x).dtype == jnp.float32


def test_on_a_cpu_all_float32_precisions_make_the_same_step():
    states = []
    for precision in ("float32", "tf32", "highest"):
        _, state, step = game(replace(R1, precision=precision))
        for seed in range(3):
            state, _ = step(state, points(seed=seed))
        states.append(jax.tree.leaves(state.generator.params))
    for other in states[1:]:
        for expected, found in zip(states[0], other, strict=True):
            np.testing.assert_array_equal(found, expected)


def test_a_config_from_before_the_fields_has_their_defaults():
    text = to_json(Config())
    old = re.sub(r'\n\s*"(precision|deterministic)":[^\n]*', "", text)
    assert old != text
    assert from_json(old) == Config()


def test_a_wrong_precision_is_refused_in_one_line_with_what_is_allowed():
    with pytest.raises(ValueError) as error:
        build(replace(Config(), precision="fp16"))
    message = str(error.value)
    assert "precision" in message and "fp16" in message and "\n" not in message
    assert all(name in message for name in ASKED)
