"""The order of the examples: a permutation of each epoch, the same on host and device.

Thresholds are of chi-square tests at p = 1e-4 of fixed orders, so each test is certain
to pass or to fail.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gan_jax.data import batch_indices
from gan_jax.data.batch_order import (
    FIRST,
    SECOND,
    apply_network,
    digest_words,
    make_slots,
    seed_words,
    state_indices,
)
from gan_jax.data.core import ENDLESS
from gan_jax.gan import split_root

SIZE, SEED, D_STEPS, EXAMPLES = 50, 7, 2, 6
PER_STEP, STEPS = 12, 4  # An epoch is 50 // 12 steps; 2 examples are dropped.


def indices(step, seed=SEED):
    return batch_indices(SIZE, EXAMPLES, D_STEPS, seed, step)


@pytest.mark.parametrize("epoch", [0, 1, 5, 10**6])
def test_an_epoch_takes_each_example_at_most_once(epoch):
    """It drops the two that do not fill a step."""
    used = np.stack([indices(epoch * STEPS + turn) for turn in range(STEPS)])
    assert used.shape == (STEPS, D_STEPS, EXAMPLES)
    assert used.dtype == np.int32
    assert len(np.unique(used)) == STEPS * PER_STEP
    assert used.min() >= 0 and used.max() < SIZE


@pytest.mark.parametrize("size", [1, 2, 3, 5, 16, 17, 1797, 60_000])
def test_an_epoch_of_single_examples_is_a_permutation(size):
    order = batch_indices(size, size, 1, 3, 7).ravel()
    np.testing.assert_array_equal(np.sort(order), np.arange(size))


@pytest.mark.parametrize("size", [50, 60_000, ENDLESS - 1, ENDLESS])
@pytest.mark.parametrize("seed", [0, 7, 2**32 - 1])
def test_device_and_host_take_the_same_examples(size, seed):
    slots = jnp.asarray(make_slots(EXAMPLES, D_STEPS))

    @jax.jit
    def take(key, step):
        return state_indices(size, PER_STEP, key, step, slots)

    for step in (0, 1, 4, 1000, 2**31 - 1):
        np.testing.assert_array_equal(
            take(split_root(jax.random.key(seed))[0], jnp.int32(step)),
            batch_indices(size, EXAMPLES, D_STEPS, seed, step),
        )


def test_gans_under_vmap_take_the_examples_of_their_seeds():
    seeds, slots = jnp.arange(5), jnp.asarray(make_slots(EXAMPLES, D_STEPS))
    take = jax.vmap(lambda k: state_indices(SIZE, PER_STEP, k, jnp.int32(9), slots))
    keys = jax.vmap(lambda seed: split_root(jax.random.key(seed))[0])(seeds)
    np.testing.assert_array_equal(
        take(keys),
        [indices(9, seed) for seed in range(5)],
    )


def make_orders(size, epochs):
    """The orders of many epochs, `[epochs, size]`."""
    shape = epochs, size
    words = [np.broadcast_to(word, shape).copy() for word in seed_words(12345)]
    key = [*words, np.repeat(np.arange(epochs, dtype=np.uint32)[:, None], size, axis=1)]
    digests = digest_words(FIRST, key), digest_words(SECOND, key)
    values = np.tile(np.arange(size, dtype=np.uint32), (epochs, 1))
    values = apply_network(values, size, *digests)
    while (values >= size).any():
        values = np.where(values >= size, apply_network(values, size, *digests), values)
    return values.astype(np.int64)


def test_the_orders_of_many_epochs_are_those_of_single_ones():
    taken = [batch_indices(SIZE, SIZE, 1, 12345, epoch).ravel() for epoch in range(4)]
    np.testing.assert_array_equal(make_orders(SIZE, 4), taken)


def chi_square(counts):
    """The chi-square statistic of counts that should all be equal."""
    expected = counts.mean()
    return ((counts - expected) ** 2 / expected).sum()


@pytest.mark.parametrize("size", [50, 97])
def test_each_example_is_equally_often_at_each_place_and_beside_each_other(size):
    orders = make_orders(size, 20_000)
    places = np.stack([np.bincount(column, minlength=size) for column in orders.T])
    limit = stats.chi2.isf(1e-4, (size - 1) ** 2)
    assert chi_square(places) < limit
    for first, second in ((0, 1), (10, 11), (3, size - 1)):
        pairs = np.bincount(
            orders[:, first] * size + orders[:, second], minlength=size**2
        )
        others = pairs.reshape(size, size)[~np.eye(size, dtype=bool)]
        assert chi_square(others) < stats.chi2.isf(1e-4, size * (size - 1) - 1)


def test_indices_depend_on_seed_and_step_alone():
    forwards = [indices(step) for step in range(12)]
    backwards = [indices(step) for step in reversed(range(12))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    assert not np.array_equal(forwards[0], indices(0, seed=SEED + 1))
    assert not np.array_equal(forwards[0], forwards[STEPS])


def test_an_endless_set_is_taken_in_order_from_a_start_of_its_own():
    taken = {
        seed: np.stack(
            [batch_indices(ENDLESS, EXAMPLES, D_STEPS, seed, step) for step in range(5)]
        ).ravel()
        for seed in (0, 1)
    }
    for order in taken.values():
        assert len(np.unique(order)) == 5 * PER_STEP
        assert np.all((order >= 0) & (order < ENDLESS))
        np.testing.assert_array_equal(np.diff(order.astype(np.int64)) % ENDLESS, 1)
    assert taken[0][0] != taken[1][0]
