"""The order in which a run takes its examples: a pure function of seed, step and place.

In epoch e, the example at place i is `p(i)`. The permutation p of `[0, n)` is keyed by
the seed and e, and needs no table: any place of any epoch costs the same, on a device
or on the host. It is a Feistel network over pairs. A place is written as `i = l b + r`
with `0 <= l < a`, `0 <= r < b`, `a = ceil(sqrt(n))` and `b = ceil(n / a)`. Rounds in
turn replace l by `(l + F_j(r)) mod a` and r by `(r + F_j(l)) mod b`, where F_j is a
hash with the key of round j. Each round can be undone, so the network permutes
`[0, a b)`. A value that falls on n or beyond goes through the network again until it
falls below n, which makes a permutation of `[0, n)` (cycle walking: Black and Rogaway
2002, doi 10.1007/3-540-45760-7_9).

The arithmetic is modulo 2^32, on NumPy or JAX arrays of uint32, with the same result.
"""

import math
from functools import lru_cache, partial
from typing import TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gan_jax.data.core import ENDLESS
from gan_jax.gan import split_root
from gan_jax.types import Array

Words = TypeVar("Words", np.ndarray, jax.Array)
ORDER_VERSION = 2
"""The version of the order, which runs record. In version 1 (up to November 2026) each
epoch was a permutation by NumPy's generator, made on the host."""
ROUNDS = 8
"""The rounds of the Feistel network. From 50 examples on, the orders of 6 rounds pass
the chi-square tests of `tests/data/test_batch_order.py` already."""
TURNS = np.arange(ROUNDS, dtype=np.uint32) * np.uint32(0x9E3779B9)
"""What is added to the key of each round: multiples of 2^32 over the golden ratio."""
FIRST, SECOND = np.uint32(0x243F6A88), np.uint32(0x85A308D3)
"""The initial values of the two digests of the seed and the epoch: digits of pi."""


def mix_bits(words: Words) -> Words:
    """Return the words with their bits mixed: the finalizer of MurmurHash3 (Appleby).

    It is a permutation of the words in which each bit depends on all.
    """
    words = (words ^ (words >> 16)) * np.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * np.uint32(0xC2B2AE35)
    return words ^ (words >> 16)


def digest_words(begin: np.uint32, words: list[Words]) -> Words:
    """Return one word that depends on all of the words, and on the beginning."""
    digest = words[0] * np.uint32(0) + begin
    for word in words:
        digest = mix_bits(digest ^ word)
    return digest


def add_modulo(words: Words, others: Words, modulus: int) -> Words:
    """Return `(w + o) mod m` of words below m and any others."""
    total = words + others % np.uint32(modulus)  # It is below 2 m, so below 2^32.
    return total % np.uint32(modulus)


def apply_network(places: Words, size: int, first: Words, second: Words) -> Words:
    """Return the network's values at places below `a b`; see the module.

    first, second: the two digests that are the key.
    """
    a = math.isqrt(size - 1) + 1  # ceil(sqrt(size))
    b = -(-size // a)
    left, right = places // np.uint32(b), places % np.uint32(b)
    for number, turn in enumerate(TURNS):
        key = mix_bits(first + turn)
        if number % 2:
            right = add_modulo(right, mix_bits((left ^ key) + second), b)
        else:
            left = add_modulo(left, mix_bits((right ^ key) + second), a)
    return left * np.uint32(b) + right


def permute_places(places: Words, size: int, key: list[Words]) -> Words:
    """Return the examples, of `size`, at places of an epoch's order.

    key: the words that the order depends on: those of the seed, and the epoch.
    """
    network = partial(
        apply_network,
        size=size,
        first=digest_words(FIRST, key),
        second=digest_words(SECOND, key),
    )

    def walk_on(values: Words) -> Words:
        outside = values >= np.uint32(size)
        if isinstance(values, np.ndarray):
            values[outside] = network(values[outside])
            return values
        return jnp.where(outside, network(values), values)

    values = network(places)
    if not isinstance(values, np.ndarray):
        return lax.while_loop(lambda v: (v >= size).any(), walk_on, values)
    while (values >= size).any():
        values = walk_on(values)
    return values


def examples_at(
    size: int, per_step: int, seed: list[Words], step: Words, slots: Words
) -> Words:
    """Return the examples that a step takes at slots `[...]`, as int32.

    size: the number of examples. per_step: how many a step takes; there are as many
    slots. seed: the words of the seed. An epoch drops the remainder of `size` over
    `per_step`. An endless set is taken in order, from a start that depends on the seed;
    after 2^32 examples it takes two of them again.
    """
    if size == ENDLESS:
        begin = digest_words(FIRST, seed) % np.uint32(ENDLESS)
        taken = (begin + step * np.uint32(per_step) + slots) % np.uint32(ENDLESS)
    else:
        steps = np.uint32(size // per_step)
        places = step % steps * np.uint32(per_step) + slots
        taken = permute_places(places, size, [*seed, step // steps])
    return taken.astype(np.int32)


def make_slots(batch_size: int, d_steps: int) -> np.ndarray:
    """Return the slots `[d_steps, B]` of a step: 0, 1, 2, ..."""
    count = d_steps * batch_size
    return np.arange(count, dtype=np.uint32).reshape(d_steps, batch_size)


def state_indices(
    size: int, per_step: int, key: Array, step: Array, slots: Array
) -> Array:
    """Return the examples at slots of the next step of a state, inside a jitted step.

    key, step: the state's. See `examples_at`; `batch_indices` is the same on the host.
    """
    seed = list(jax.random.key_data(key))
    return examples_at(size, per_step, seed, step.astype(jnp.uint32), slots)


@lru_cache(maxsize=4096)
def seed_words(seed: int) -> tuple[np.ndarray, ...]:
    """Return the words of the key of a run of this seed, each `[1]`."""
    key, *_ = split_root(jax.random.key(seed))
    return tuple(np.asarray(jax.random.key_data(key))[:, None])


def batch_indices(
    size: int, batch_size: int, d_steps: int, seed: int, step: int
) -> np.ndarray:
    """Return the indices `[d_steps, batch_size]` of a step, a function of (seed, step).

    Each epoch takes every example once, in an order of its own, and drops the remainder
    that does not fill a step. A run takes these examples, on whatever devices.
    """
    slots, seed_of_run = make_slots(batch_size, d_steps), list(seed_words(seed))
    found = examples_at(
        size, slots.size, seed_of_run, np.full(1, step, np.uint32), slots.ravel()
    )
    return found.reshape(slots.shape)
