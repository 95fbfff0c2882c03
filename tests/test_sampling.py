"""Samples of the averaged and of the raw generator."""

import jax
import jax.numpy as jnp
import pytest
from small_gans import PLAIN, SPECTRAL, assert_close, game, mlp_by_hand, scrambled

from gan_jax.gan import net_variables
from gan_jax.objectives import draw_latents
from gan_jax.sampling import sample


def test_sample_uses_the_stored_spectral_vectors():
    gan, state, _ = game(SPECTRAL)
    state = state.replace(generator=scrambled(state.generator))
    key = jax.random.key(1)
    keys = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.arange(4))
    net, z = state.generator, draw_latents(gan, keys)
    expected = mlp_by_hand(net.params, net.model_state, z, jax.nn.relu)
    assert_close(sample(gan, state, key, 4, ema=False), expected)


def test_more_samples_keep_the_first_ones():
    gan, state, _ = game(PLAIN)
    key = jax.random.key(1)
    eight, four = sample(gan, state, key, 8), sample(gan, state, key, 4)
    assert eight.shape == (8, 2)
    assert_close(eight[:4], four, 1e-6)


@pytest.mark.parametrize("ema", [True, False])
def test_sample_uses_the_average_or_the_raw_weights(ema):
    gan, state, _ = game(PLAIN)
    average = jax.tree.map(lambda w: w + 1, state.ema)
    state, key = state.replace(ema=average), jax.random.key(1)
    alone = state.replace(
        generator=state.generator.replace(
            params=(average if ema else net_variables(state.generator))["params"]
        )
    )
    expected = sample(gan, alone, key, 4, ema=False)
    assert_close(sample(gan, state, key, 4, ema=ema), expected, 1e-6)
    with pytest.raises(AssertionError):
        assert_close(sample(gan, state, key, 4, ema=not ema), expected, 1e-3)
