"""Terms added to a loss: weighted penalties, some of them at every few steps."""

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.gan import Term, at, packed
from gan_jax.types import Array, Augment, Metrics, Probe, Pullbacks, TrainState


def measured(
    name: str,
    network: Callable[[Array], Array],
    examples: tuple[Array, ...],
    penalty: Callable,
    keys: Array,
) -> Metrics:
    """A penalty's mean and, as `name`, the mean of the gradient norms it took."""
    squares: list[Array] = []
    value = penalty(Probe(network, squares.append), *examples, keys).mean()
    if not squares:
        return {"penalty": value}
    return {"penalty": value, name: jnp.mean(jnp.sqrt(jnp.stack(squares)))}


def weighted_sum(
    terms: tuple[Term, ...],
    state: TrainState,
    keys: Array,
    evaluate: Callable[[Callable, Array], Metrics],
) -> tuple[Array, Metrics]:
    """`sum_k every_k w_k penalty_k` over the terms due at this step, and their metrics.

    At a step where a lazy term is not due its metrics are 0.
    """
    total, metrics = jnp.zeros(()), {}
    for index, term in enumerate(terms):
        term_keys = jax.vmap(jax.random.fold_in, (0, None))(keys, index)
        due = partial(evaluate, at(state, term.penalty), term_keys)
        seen = due() if term.every == 1 else when_due(term.every, state.step, due)
        total += term.every * term.weight(state.step) * seen.pop("penalty")
        metrics |= seen
    return total, metrics


def when_due(every: int, step: Array, evaluate: Callable[[], Metrics]) -> Metrics:
    """`evaluate()` if `every` divides the step, else zeros, without computing it.

    On CPU, XLA runs convolutions inside a branch about ten times slower, so there
    laziness costs convolutional pairs more than it saves.
    """
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape), jax.eval_shape(evaluate))
    return lax.cond(step % every == 0, evaluate, lambda: zeros)


def pullback(
    pack: int, augment: Augment, images: Array, keys: Array
) -> Callable[[Array], Array]:
    """`J^T g`, J the augmentation's Jacobian at the images, for gradients g `[B, ...]`
    with respect to the packs that D sees."""

    def pulled(gradient: Array) -> Array:
        _, pull = jax.vjp(lambda x: packed(pack, augment(x, keys)), images)
        return packed(pack, pull(gradient)[0])

    return pulled


def with_pullbacks(term: Term, state: TrainState, pullbacks: Pullbacks) -> Term:
    """The term with what its penalty needs to act through the augmentation."""
    if not term.through_augment:
        return term
    return term._replace(penalty=partial(at(state, term.penalty), pullbacks=pullbacks))
