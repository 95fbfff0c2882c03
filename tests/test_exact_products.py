"""What has to be exact asks for true float32 products, whatever a run's precision.

Each test walks a registry, so that a new entry which forgets it fails.
"""

import inspect
from dataclasses import replace
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from metric_sets import accelerate, sets
from products import recorded_products, traced_products

from gan_jax import diagnostics
from gan_jax.assembly.assemble import build
from gan_jax.assembly.registry import parameters
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config, LossConfig, ModelConfig, PenaltyConfig
from gan_jax.data import Mixture, Spec
from gan_jax.diagnostics import gan_game, params_of, vector_game
from gan_jax.evaluate.metric import Comparison, Reference, as_sample_metric
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import EXTRACTORS
from gan_jax.features.classifier import Classifier, convolve_small_images
from gan_jax.features.efficientnet_lite import VARIANTS, EfficientNetLite
from gan_jax.features.extractor import FeatureSet
from gan_jax.features.inception import InceptionV3
from gan_jax.gan import init_state
from gan_jax.objectives import as_function, example_keys
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.traced_metrics import Fakes
from gan_jax.types import Batch

B = 4
GAN = Config(
    batch_size=B,
    model=ModelConfig("dcgan", width=2, z_dim=3),
    loss=LossConfig("minimax"),
    penalty=PenaltyConfig("r1", 1.0),
    precision="bf16",
)
"""At the lowest precision, so that anything left to the run is seen."""


def assert_exact(products):
    assert {p.precision for p in products} <= {lax.Precision.HIGHEST}
    assert {np.dtype(p.dtype) for p in products} <= {np.dtype("float32")}


@cache
def small_gan():
    gan = build(GAN, spec=Spec((8, 8, 1), None, 100))
    return gan, jax.jit(partial(init_state, gan))(jax.random.key(0))


def images(count=B, *leading):
    random = np.random.default_rng(0)
    return jnp.asarray(random.uniform(-1, 1, (*leading, count, 8, 8, 1)), jnp.float32)


# Penalties.


def penalty_values(kind, name, **options):
    """The function of both players' parameters that a penalty is, `[B]`."""
    gan, state = small_gan()
    keys = jax.random.split(jax.random.key(1), B)
    penalty = {"D": PENALTIES, "G": GENERATOR_PENALTIES}[kind][name]

    def values(params):
        players = gan.generator, gan.discriminator
        states = state.generator.model_state, state.discriminator.model_state
        g, d = (
            as_function(player, own, model_state, None)
            for player, own, model_state in zip(players, params, states, strict=True)
        )
        run = {"generator": g, "z_dim": gan.z_dim, "g_params": params.generator}
        given = {k: v for k, v in run.items() if k in parameters(penalty)} | options
        z = jax.random.normal(jax.random.key(2), (B, gan.z_dim))
        if kind == "G":
            return penalty(g, z, keys, **given)
        return penalty(d, images(), images() / 2, keys, **given)

    return values


def step_sizes(penalty):
    """The options that are positive numbers, with their defaults."""
    defaults = {k: p.default for k, p in parameters(penalty).items()}
    return {k: v for k, v in defaults.items() if isinstance(v, float) and v > 0}


def is_finite_difference(kind, name):
    """Whether a penalty vanishes with one of its options, as the size of a step."""
    penalty = {"D": PENALTIES, "G": GENERATOR_PENALTIES}[kind][name]
    params = params_of(small_gan()[1])
    return any(
        np.all(np.asarray(penalty_values(kind, name, **{option: 0.0})(params)) == 0)
        for option in step_sizes(penalty)
    )


ALL_PENALTIES = [
    *(("D", name) for name in PENALTIES),
    *(("G", name) for name in GENERATOR_PENALTIES),
]


def test_the_finite_differences_among_the_penalties_are_found():
    found = [entry for entry in ALL_PENALTIES if is_finite_difference(*entry)]
    own = ("ar1", "ar1_ar2", "zcr")
    expected = [*(("D", name) for name in own), ("G", "jacobian_difference")]
    assert found == [*expected, ("G", "zcr")]


@pytest.mark.parametrize(("kind", "name"), ALL_PENALTIES)
def test_finite_differences_are_exact_in_value_and_gradient(kind, name):
    if not is_finite_difference(kind, name):
        return
    values = penalty_values(kind, name)
    gradient = jax.grad(lambda params: values(params).sum())
    products = traced_products(gradient, params_of(small_gan()[1]))
    assert products
    assert_exact(products)


# Instruments of diagnostics. Each is called on a small GAN.


def batch():
    return Batch(images())


def keys():
    return example_keys(small_gan()[0], jax.random.key(1), B)


def small_game():
    return gan_game(*small_gan(), batch(), keys())


def small_vector_game():
    matrix = jnp.eye(3)
    return vector_game(lambda w: matrix @ w, jnp.ones(3), 1)


def call_products(game):
    u = jnp.ones_like(game.point)
    game.field(u), game.jvp(game.point, u), game.vjp(game.point, u)


def ones_like_params():
    return jax.tree.map(jnp.ones_like, params_of(small_gan()[1]))


INSTRUMENTS = {
    "alternating_limit": lambda: diagnostics.alternating_limit(small_vector_game()),
    "alternating_product": lambda: diagnostics.alternating_product(small_game(), 0.1)(
        small_game().point
    ),
    "alternating_values": lambda: diagnostics.alternating_values(
        small_vector_game(), 0.1
    ),
    "balanced": lambda: call_products(
        diagnostics.balanced(small_game(), ones_like_params())
    ),
    "block_product": lambda: diagnostics.block_product(small_game(), "generator")(
        jnp.ones(small_game().generator_size)
    ),
    "critic_gradient_norms": lambda: diagnostics.critic_gradient_norms(
        *small_gan(), batch(), keys()
    ),
    "curvature": lambda: diagnostics.curvature(small_vector_game(), "discriminator"),
    "dead_units": lambda: diagnostics.dead_units(*small_gan(), batch(), keys()),
    "dense_jacobian": lambda: diagnostics.dense_jacobian(small_vector_game()),
    "duality_gap": lambda: diagnostics.duality_gap(
        *small_gan(), Batch(images(B, 1)), Batch(images(B, 1)), jax.random.key(0)
    ),
    "field": lambda: diagnostics.field(
        *small_gan(), batch(), keys(), params_of(small_gan()[1])
    ),
    "gan_game": lambda: call_products(small_game()),
    "gradient_flow": lambda: diagnostics.gradient_flow(*small_gan(), batch(), keys()),
    "gradient_snr": lambda: diagnostics.gradient_snr(
        *small_gan(), Batch(images(B, 2)), jax.random.key(0)
    ),
    "path_angle": lambda: diagnostics.path_angle(
        small_game(), small_game().point + 1, count=1
    ),
    "real_logits": lambda: diagnostics.real_logits(*small_gan(), images()),
    "rotation_index": lambda: diagnostics.rotation_index(
        small_game(), jax.random.key(0), probes=1
    ),
    "spectrum": lambda: diagnostics.spectrum(small_vector_game()),
    "vector_game": lambda: call_products(small_vector_game()),
}
WITHOUT_PRODUCTS = {
    "adam_scales",
    "flat",
    "params_of",
    "to_float64",
    # NumPy on the host:
    "alternating_jacobian",
    "detour",
    "ema_gap",
    "gradient_quantiles",
    "imaginary_ratio",
    "largest_real_part",
    "late_spread",
    "logit_gap",
    "simultaneous_limit",
    "singular_values",
    "snapshots",
    "step_radius",
    "update_cosines",
}


def test_every_instrument_is_looked_at():
    functions = {
        name
        for name in diagnostics.__all__
        if inspect.isroutine(getattr(diagnostics, name))
        or hasattr(getattr(diagnostics, name), "lower")
    }
    assert functions == INSTRUMENTS.keys() | WITHOUT_PRODUCTS


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instruments_are_exact(name, monkeypatch):
    small_gan()
    with recorded_products(monkeypatch) as products:
        INSTRUMENTS[name]()
    assert products
    assert_exact(products)


# Metrics, extractors and augmentations.


def feature_sets():
    """Real and fake features, with class probabilities of three digits."""
    random = np.random.default_rng(0)
    pairs = []
    for features in sets(60, 60, 2):
        p = random.dirichlet(np.ones(10), size=(len(features), 3))
        pairs.append(FeatureSet(np.float32(features), np.float32(p)))
    return pairs


def one_distribution(features):
    return FeatureSet(features.features, features.probabilities[:, 0])


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_exact_on_an_accelerator(name, monkeypatch):
    """Both forms: of fetched features (float32), and that which training traces."""
    accelerate(monkeypatch)
    real, fake = feature_sets()
    if name == "is":
        real, fake = map(one_distribution, (real, fake))
    mixtures = (None,)
    if name == "modes":
        mixtures = None, Mixture(np.eye(2), 0.1, np.arange(2))
    metric = as_sample_metric(METRICS[name])
    for mixture in mixtures:
        with recorded_products(monkeypatch) as products:
            metric(Comparison(real, fake, real, mixture, real_is_complete=True))
            reference = Reference(real, real, mixture, True, 60)
            form = metric.prepare and metric.prepare(reference)
            if form:
                jax.jit(form.measure)(form.constants, Fakes(*map(jnp.asarray, fake)))
        assert_exact(products)


NETWORKS = {
    "cnn": (Classifier(10, convolve_small_images), (1, 8, 8, 1)),
    "inception": (InceptionV3(), (1, 299, 299, 3)),
    "lite0": (EfficientNetLite(VARIANTS["lite0"]), (1, 224, 224, 3)),
    "lite2": (EfficientNetLite(VARIANTS["lite2"]), (1, 260, 260, 3)),
}
"""The network of each extractor that has one, and the shape of its input."""


def test_every_extractor_is_looked_at():
    assert EXTRACTORS.keys() == NETWORKS.keys() | {"pixels"}


@pytest.mark.parametrize("name", NETWORKS)
def test_networks_of_extractors_are_exact(name):
    network, shape = NETWORKS[name]
    x = jax.ShapeDtypeStruct(shape, jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    products = traced_products(network.init_with_output, key, x)
    assert products
    assert_exact(products)


@pytest.mark.parametrize("name", AUGMENTS)
def test_augmentations_are_exact(name):
    config = replace(GAN, penalty=PenaltyConfig("none"))
    config = replace(config, augment=replace(config.augment, name=name, strength=0.5))
    gan = build(config, spec=Spec((32, 32, 3), None, 100))
    x = jax.ShapeDtypeStruct((B, 32, 32, 3), jnp.float32)
    augment_keys = jax.random.split(jax.random.key(0), B)
    assert_exact(traced_products(lambda x: gan.augment(x, augment_keys), x))
