"""Penalties that return what they measured beside their value."""

import functools
from collections.abc import Callable
from typing import Any

from gan_jax.types import Array, Metrics


def returns_info(
    function: Callable[..., tuple[Array, Metrics]],
) -> Callable[..., Array]:
    """Turn a function that returns `(penalty [B], info)` into a penalty.

    The penalty returns `[B]` alone, as every entry of PENALTIES does. A training step
    calls the function itself, by `value_and_info`, and logs the mean of each entry of
    info: a dictionary of arrays, such as `{"critic_grad_norm": norms}`.
    """

    @functools.wraps(function)
    def penalty(*arguments: Any, **options: Any) -> Array:
        return function(*arguments, **options)[0]

    penalty.with_info = function  # pyright: ignore
    return penalty


def value_and_info(penalty: Callable) -> Callable[..., tuple[Array, Metrics]]:
    """Return the penalty as a function that returns `(penalty [B], info)`.

    info is empty if the penalty measures nothing.
    """
    if isinstance(penalty, functools.partial):
        return functools.partial(
            value_and_info(penalty.func), *penalty.args, **penalty.keywords
        )
    if hasattr(penalty, "with_info"):
        return penalty.with_info  # pyright: ignore
    return lambda *arguments, **options: (penalty(*arguments, **options), {})
