"""METHODS beside their sources: DEVIATIONS tells all, and what is said is so."""

from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE, DEVIATIONS, METHODS, UNREAD
from gan_jax.optimizers import OPTIMIZERS, chain, learning_rate

DOCS = Path(__file__).parents[2] / "docs"


def optimizer(config, steps):
    options = {"b2": config.b2, "eps": config.eps}
    built = OPTIMIZERS[config.name](learning_rate(config, steps, 1), **options)
    return chain(config, built)


def test_every_method_has_a_source_and_no_other_name_has():
    assert DEVIATIONS.keys() == METHODS.keys()
    assert all(source.read for source in DEVIATIONS.values())
    unread = {name for name, source in DEVIATIONS.items() if source.read == UNREAD}
    assert unread <= {"instance_noise", "top_k"}


@pytest.mark.parametrize("name", METHODS)
def test_a_deviation_is_of_a_field_whose_value_is_another(name):
    here = flat(METHODS[name])
    for field, (there, why) in DEVIATIONS[name].differs.items():
        assert field in here, field
        assert here[field] != there, field
        assert why and not why.endswith("."), field
        if not isinstance(there, str) and here[field] is not None:
            assert isinstance(there, type(here[field])), field


def test_sizes_of_published_runs_are_told():
    """Batches and latents of the sources: 512 of the unrolled demo, and so on."""
    batches = {"unrolled": 512, "sga": 256, "orthogonal": 2048, "r3gan": 512}
    batches |= {"ns_gan": 100, "rpgan": 32, "lecam": 50, "competitive": 256}
    for name, batch in batches.items():
        assert DEVIATIONS[name].differs["batch_size"][0] == batch
    latents = {"unrolled": 256, "r1": 256, "sn_gan": 128, "wgan_gp": 128}
    latents |= {"ns_gan": 100, "rpgan": 128, "ragan": 128, "hinge": 100}
    latents |= {"lecam": 128, "diff_augment": 128}  # both on BigGAN's code
    for name, z_dim in latents.items():
        assert DEVIATIONS[name].differs["model.z_dim"][0] == z_dim


def test_the_page_shows_every_field_that_differs():
    """Its tables are held to the code by tests/catalogue."""
    page = (DOCS / "method_values.md").read_text("utf-8")
    for name, source in DEVIATIONS.items():
        assert f"| `{name}` | {source.read} | {len(source.differs)} |" in page
        assert all(f"| `{name}` | `{field}` |" in page for field in source.differs)


@pytest.mark.parametrize("name", ["consensus", "sga"])
def test_rmsprop_of_the_games_decays_as_tensorflows(name):
    """v' = .9 v + .1 g^2; w - 1e-4 g / (sqrt(v') + 1e-10), in float64."""
    gradients = np.random.default_rng(0).normal(size=(6, 3))
    for config in (METHODS[name].g_optimizer, METHODS[name].d_optimizer):
        rule = optimizer(config, 6)
        state, v = rule.init(jnp.zeros(3)), np.zeros(3)
        for g in gradients:
            update, state = rule.update(jnp.asarray(g), state, jnp.zeros(3))
            v = 0.9 * v + 0.1 * g**2
            expected = -1e-4 * g / (np.sqrt(v) + 1e-10)
            np.testing.assert_allclose(update, expected, rtol=1e-5)


def test_rates_of_sn_gan_go_linearly_to_0():
    """LinearShift of chainer's Adam from 2e-4 to 0 over all iterations."""
    for config in (METHODS["sn_gan"].g_optimizer, METHODS["sn_gan"].d_optimizer):
        rate = learning_rate(config, 50_000, 1)
        found = [float(rate(step)) for step in (0, 12_500, 25_000, 50_000)]
        np.testing.assert_allclose(found, [2e-4, 1.5e-4, 1e-4, 0], atol=1e-10)


@pytest.mark.parametrize(
    "name, rate, b1, b2", [("dragan", 1e-4, 0.5, 0.9), ("alpha", 1e-4, 0.9, 0.999)]
)
def test_adam_is_that_of_the_released_code(name, rate, b1, b2):
    for config in (METHODS[name].g_optimizer, METHODS[name].d_optimizer):
        assert (config.learning_rate, config.b1, config.b2) == (rate, b1, b2)


def test_approximated_penalties_are_credited_to_whom_they_are_due():
    """R1 alone is in 2501.08316; the pairing and R2 belong to its successors."""
    about = CATALOGUE["ar1_ar2"].about
    first, later = about.split("non-saturating;")
    assert "2501.08316" in first and "2506.05301" in later and "2506.09350" in later


def test_fields_that_the_page_leaves_out_are_shared():
    """What its head says of all methods."""
    for name, config in METHODS.items():
        founding = DEVIATIONS[name].read == "the founding write-up"
        decay = 0.0 if founding else 0.9999 if name == "extra_adam" else 0.999
        assert config.ema.decay == decay and config.steps == 5000
        if not founding:
            assert (config.model.name, config.dataset.name) == (None, "digits")
            assert (config.model.g_init, config.model.d_init) == ("he", "he")
