"""The products of a computation, and the precision that each is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

from gan_jax.layers.convolution import CONVOLVE, CORRELATE, SPREAD

OWN = (CONVOLVE, SPREAD, CORRELATE)
PRIMITIVES = (lax.dot_general_p, lax.conv_general_dilated_p, *OWN)
NAMES = {primitive.name for primitive in PRIMITIVES}
OF_WORD = {
    None: None,
    "bfloat16": lax.Precision.DEFAULT,
    "tensorfloat32": lax.Precision.HIGH,
    "highest": lax.Precision.HIGHEST,
}


class Product(NamedTuple):
    """A matrix product or a convolution of floating-point numbers."""

    name: str
    precision: lax.Precision | None
    dtype: Any
    ranks: tuple[int, ...]


def product_of(name: str, operands: Any, precision: Any) -> Product | None:
    """The product; None for one of integers, which is exact."""
    arrays = [jnp.asarray(x) if not hasattr(x, "dtype") else x for x in operands]
    if not all(jnp.issubdtype(x.dtype, jnp.floating) for x in arrays):
        return None
    if isinstance(precision, tuple):
        assert precision[0] == precision[1]
        precision = precision[0]
    if precision is None or isinstance(precision, str):
        precision = OF_WORD[precision]
    return Product(
        name, precision, arrays[0].dtype, tuple(len(x.shape) for x in arrays)
    )


def jaxprs_in(value: Any) -> Iterator[Any]:
    """The jaxprs among an equation's parameters."""
    for leaf in jax.tree.leaves(value, is_leaf=lambda x: hasattr(x, "eqns")):
        if hasattr(leaf, "eqns"):
            yield leaf
        elif hasattr(leaf, "jaxpr"):
            yield leaf.jaxpr


def products_in(jaxpr: Any) -> list[Product]:
    """All products of a jaxpr and of those inside of it."""
    found = []
    for equation in jaxpr.eqns:
        if equation.primitive.name in NAMES:
            operands = [variable.aval for variable in equation.invars]
            precision = equation.params["precision"]
            found.append(product_of(equation.primitive.name, operands, precision))
        for inner in jaxprs_in(equation.params):
            found += products_in(inner)
    return [product for product in found if product is not None]


def traced_products(function: Any, *arguments: Any) -> list[Product]:
    """All products of a function that can be traced."""
    return products_in(jax.make_jaxpr(function)(*arguments).jaxpr)


@contextmanager
def recorded_products(monkeypatch: Any) -> Iterator[list[Product]]:
    """A list that grows by each product that is traced or computed inside.

    Compiled functions are forgotten first, so that they are traced anew.
    """
    jax.clear_caches()
    found: list[Product] = []

    def recorder(primitive: Any) -> Any:
        bind = primitive.bind

        def record(*operands: Any, **parameters: Any) -> Any:
            product = product_of(primitive.name, operands, parameters["precision"])
            found.extend([] if product is None else [product])
            return bind(*operands, **parameters)

        return record

    with monkeypatch.context() as patch:
        for primitive in PRIMITIVES:
            patch.setattr(primitive, "bind", recorder(primitive))
        yield found
