"""A device that rounds the factors of products, as NVIDIA GPUs do, made on the CPU."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal
from products import NAMES, OF_WORD

TF32_MANTISSA = 10
"""The bits of mantissa of TensorFloat-32."""


def rounds(precision: Any) -> bool:
    """Whether the device rounds the factors of a product of this precision."""
    word = precision[0] if isinstance(precision, tuple) else OF_WORD.get(precision)
    return word != lax.Precision.HIGHEST


def round_factor(x: jax.Array) -> jax.Array:
    """Round float32 to 8 bits of exponent and 10 of mantissa."""
    return lax.reduce_precision(x, 8, TF32_MANTISSA) if x.dtype == jnp.float32 else x


def run_rounded(jaxpr: Jaxpr, constants: Sequence[Any], inputs: Sequence[Any]) -> Any:
    """Run a jaxpr, and the functions that it calls, with rounded factors."""
    values = dict(zip(jaxpr.constvars, constants, strict=True))
    values |= dict(zip(jaxpr.invars, inputs, strict=True))

    def value(variable: Any) -> Any:
        return variable.val if isinstance(variable, Literal) else values[variable]

    for equation in jaxpr.eqns:
        primitive, operands = equation.primitive, [*map(value, equation.invars)]
        if primitive.name in NAMES and rounds(equation.params["precision"]):
            operands = [*map(round_factor, operands)]
        inner = equation.params.get("jaxpr", equation.params.get("call_jaxpr"))
        if isinstance(inner, ClosedJaxpr):
            results = run_rounded(inner.jaxpr, inner.consts, operands)
        else:
            assert inner is None, f"{primitive.name} is not run"
            results = primitive.bind(*operands, **equation.params)
            results = results if primitive.multiple_results else [results]
        values |= dict(zip(equation.outvars, results, strict=True))
    return [*map(value, jaxpr.outvars)]


def on_rounding_device(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as a device computes it that rounds factors to 10 bits."""

    def run(*arguments: Any) -> Any:
        closed, shape = jax.make_jaxpr(function, return_shape=True)(*arguments)
        results = run_rounded(closed.jaxpr, closed.consts, jax.tree.leaves(arguments))
        return jax.tree.unflatten(jax.tree.structure(shape), results)

    return jax.jit(run)
