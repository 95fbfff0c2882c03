"""The weighted penalties of an objective.

A lazy penalty is computed only every few steps.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.gan import Term, pack_examples, resolve
from gan_jax.penalties import value_and_info
from gan_jax.types import Array, Augment, Metrics, Pullbacks, TrainState


def weighted_sum(
    terms: tuple[Term, ...], state: TrainState, inputs: tuple, keys: Array
) -> tuple[Array, Metrics]:
    """Return `sum_k every_k w_k mean_i penalty_k,i` over the terms due at this step.

    Also return what the penalties measured, such as `critic_grad_norm`. At a step where
    a lazy term is not due, its value and its measurements are 0.

    Args:
        terms: The weighted penalties.
        state: The step, and the values that state-dependent penalties read.
        inputs: What a penalty takes before its keys: the network and its examples.
        keys: One key per example. Term k folds k into each.
    """
    total, metrics = jnp.zeros(()), {}
    for index, term in enumerate(terms):
        penalty = resolve(term.penalty, state)
        evaluate = partial(
            mean_and_info, penalty, *inputs, keys=fold_in_each(keys, index)
        )
        due = term.every == 1 or state.step % term.every == 0
        value, measured = evaluate() if due is True else evaluate_if(due, evaluate)
        total += term.every * term.weight(state.step) * value
        metrics |= measured
    return total, metrics


def mean_and_info(
    penalty: Callable, *inputs: Any, keys: Array
) -> tuple[Array, Metrics]:
    """Return the batch mean of a penalty, and the batch means of its measurements."""
    value, info = value_and_info(penalty)(*inputs, keys)
    return value.mean(), jax.tree.map(jnp.mean, info)


def evaluate_if(due: Array, evaluate: Callable[[], Any]) -> Any:
    """Return `evaluate()` if it is due, and else zeros, which cost no computation.

    On CPU, XLA runs convolutions inside a branch about ten times slower, so that lazy
    penalties of convolutional networks cost more there than they save.
    """
    zeros = jax.tree.map(lambda x: jnp.zeros(x.shape), jax.eval_shape(evaluate))
    return lax.cond(due, evaluate, lambda: zeros)


def pullback(
    pack: int, augment: Augment, images: Array, keys: Array
) -> Callable[[Array], Array]:
    """Return the map `g -> J^T g`, where J is the Jacobian of the augmentation.

    g `[B, ...]` is a gradient with respect to the packs that D sees.
    """

    def pull_back(gradient: Array) -> Array:
        _, transposed = jax.vjp(lambda x: pack_examples(pack, augment(x, keys)), images)
        return pack_examples(pack, transposed(gradient)[0])

    return pull_back


def give_pullbacks(term: Term, state: TrainState, pullbacks: Pullbacks) -> Term:
    """Return the term with the pullbacks filled in, if its penalty needs them."""
    if not term.through_augment:
        return term
    return term._replace(
        penalty=partial(resolve(term.penalty, state), pullbacks=pullbacks)
    )


def fold_in_each(keys: Array, number: int) -> Array:
    """Fold the same number into each of the keys `[B]`."""
    return jax.vmap(jax.random.fold_in, (0, None))(keys, number)
