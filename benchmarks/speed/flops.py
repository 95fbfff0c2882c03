"""FLOPs of a traced function: its matrix products and convolutions, and their price.

One walk over the jaxpr numbers every value by what computes it, so that what nobody
uses and what is computed twice is not counted twice: XLA drops both. Elementwise work
is not counted.
"""

import math
from collections import Counter
from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from gan_jax.layers.convolution import CONVOLVE, CORRELATE, IMAGE, KERNEL, OUT, SPREAD

Work = Counter[tuple[str, int]]
"""How often each `(primitive, FLOPs)` is done."""
Value = tuple[int, int]
"""The number of a node, and which of its outputs the value is."""

CALLS = {"jit", "pjit", "closed_call", "core_call", "checkpoint", "remat2"}
"""Primitives that do what their jaxpr says; its equations take their place."""
CALLS |= {"custom_jvp_call", "custom_vjp_call"}
"""Primitives that do what their jaxpr says; its equations take their place."""


class Node(NamedTuple):
    """What an equation does, and the nodes whose values it reads."""

    work: Work
    inputs: tuple[int, ...]


class Graph(NamedTuple):
    """Equations by number; equal ones are one."""

    nodes: list[Node]
    numbers: dict[Hashable, int]

    def number(self, key: Hashable, work: Work, inputs: tuple[int, ...]) -> int:
        """Return the number of the node with this key, which is added if it is new."""
        if key not in self.numbers:
            self.numbers[key] = len(self.nodes)
            self.nodes.append(Node(work, inputs))
        return self.numbers[key]


def count_flops(function: Callable, *arguments: Any) -> int:
    """Return the floating-point operations of the products of `function(*arguments)`.

    A multiply-add counts 2, at every place of the kernel and every output pixel. Zeros
    of the padding are included and those of a dilation are not, so that a transposed
    convolution has as many as the convolution it is the transpose of. A scan counts as
    often as it runs, a branch as the dearest one, the body of a while loop once.
    """
    return total_flops(traced_work(function, *arguments))


def count_products(function: Callable, *arguments: Any) -> Counter[str]:
    """Return how many products and convolutions a function needs, by primitive."""
    found: Counter[str] = Counter()
    for (name, _), n in traced_work(function, *arguments).items():
        found[name] += n
    return found


def traced_work(function: Callable, *arguments: Any) -> Work:
    """Return the work of `function(*arguments)`."""
    return needed_work(jax.make_jaxpr(function)(*arguments))


def needed_work(closed: ClosedJaxpr | Jaxpr) -> Work:
    """Return the work that the outputs depend on."""
    graph = Graph([], {})
    jaxpr, consts = open_jaxpr(graph, closed)
    count = len(jaxpr.invars)
    arguments = [(graph.number(("in", i), Work(), ()), 0) for i in range(count)]
    reached: set[int] = set()
    left = [node for node, _ in walk_jaxpr(graph, jaxpr, consts + arguments)]
    while left:
        node = left.pop()
        if node not in reached:
            reached.add(node)
            left += graph.nodes[node].inputs
    return sum((graph.nodes[node].work for node in reached), Work())


def open_jaxpr(graph: Graph, jaxpr: ClosedJaxpr | Jaxpr) -> tuple[Jaxpr, list[Value]]:
    """Return a jaxpr and the values of its constants."""
    if isinstance(jaxpr, Jaxpr):
        return jaxpr, []
    consts = (graph.number(("const", id(c)), Work(), ()) for c in jaxpr.consts)
    return jaxpr.jaxpr, [(node, 0) for node in consts]


def walk_jaxpr(graph: Graph, jaxpr: Jaxpr, values: list[Value]) -> list[Value]:
    """Return the values of the outputs, given those of constants and arguments."""
    known: dict[Any, Value] = dict(
        zip(jaxpr.constvars + jaxpr.invars, values, strict=True)
    )

    def read(atom: Any) -> Value:
        if not isinstance(atom, Literal):
            return known[atom]
        number = np.asarray(atom.val)
        key = (str(atom.aval), number.dtype, number.tobytes())
        return graph.number(key, Work(), ()), 0

    for eqn in jaxpr.eqns:
        inputs = [read(atom) for atom in eqn.invars]
        if eqn.primitive.name in CALLS:
            inner, consts = open_jaxpr(graph, inner_jaxprs(eqn)[0])
            outputs = walk_jaxpr(graph, inner, consts + inputs)
        else:
            params = tuple((k, hashable(v)) for k, v in sorted(eqn.params.items()))
            key = (eqn.primitive.name, params, tuple(inputs))
            node = graph.number(
                key, equation_work(eqn), tuple(node for node, _ in inputs)
            )
            outputs = [(node, index) for index in range(len(eqn.outvars))]
        known |= zip(eqn.outvars, outputs, strict=True)
    return [read(atom) for atom in jaxpr.outvars]


def hashable(value: Any) -> Hashable:
    """Return the value, or the identity of an object that has no hash."""
    try:
        hash(value)
    except TypeError:
        return id(value)
    return value


def inner_jaxprs(eqn: JaxprEqn) -> list[ClosedJaxpr | Jaxpr]:
    """Return the jaxprs among the parameters of an equation."""
    leaves = jax.tree.leaves(list(eqn.params.values()))
    return [leaf for leaf in leaves if isinstance(leaf, ClosedJaxpr | Jaxpr)]


def equation_work(eqn: JaxprEqn) -> Work:
    """Return the work of one equation that is not a call."""
    name = eqn.primitive.name
    if name in PRICES:
        return Work({(name, PRICES[name](eqn)): 1})
    found = [needed_work(body) for body in inner_jaxprs(eqn)]
    if name == "cond":
        return max(found, key=total_flops)
    once = sum(found, Work())
    times = eqn.params["length"] if name == "scan" else 1
    return Work({done: times * n for done, n in once.items()})


def total_flops(done: Work) -> int:
    """Return the FLOPs of all work."""
    return sum(price * n for (_, price), n in done.items())


def operand_shapes(eqn: JaxprEqn) -> list[tuple[int, ...]]:
    """Return the shapes of both operands and of the result."""
    return [atom.aval.shape for atom in (*eqn.invars, *eqn.outvars)]  # pyright: ignore


def price_of_product(eqn: JaxprEqn) -> int:
    """Return the FLOPs of a matrix product."""
    left, _, out = operand_shapes(eqn)
    (contracted, _), _ = eqn.params["dimension_numbers"]
    return 2 * math.prod(out) * math.prod(left[axis] for axis in contracted)


def price_of_convolution(eqn: JaxprEqn) -> int:
    """Return the FLOPs of XLA's convolution.

    With a dilated image it is that of the convolution or gradient it belongs to.
    """
    image, kernel, out = operand_shapes(eqn)
    image_axes, kernel_axes, out_axes = eqn.params["dimension_numbers"]
    pairs = 1  # of a place of the kernel and one in the result
    spatial = zip(image_axes[2:], kernel_axes[2:], out_axes[2:], strict=True)
    for axes, zeros in zip(spatial, eqn.params["lhs_dilation"], strict=True):
        n, k, m = (s[axis] for s, axis in zip((image, kernel, out), axes, strict=True))
        pairs *= k * m if zeros == 1 else n * min(k, m)
    channels = kernel[kernel_axes[1]]
    return 2 * out[out_axes[0]] * out[out_axes[1]] * channels * pairs


def price_of_form(letters: str, eqn: JaxprEqn) -> int:
    """Return the FLOPs of a form of `gan_jax.layers.convolution`; letters: its axes."""
    *operands, _ = operand_shapes(eqn)
    sizes: dict[str, int] = dict(
        zip("HWklhw", sum(eqn.params["geometry"][2:], ()), strict=True)
    )
    sizes |= zip(letters, sum(operands, ()), strict=True)
    return 2 * math.prod(sizes[axis] for axis in "nbhwklio")


PRICES: dict[str, Callable[[JaxprEqn], int]] = {
    "dot_general": price_of_product,
    "conv_general_dilated": price_of_convolution,
    CONVOLVE.name: partial(price_of_form, IMAGE + KERNEL),
    SPREAD.name: partial(price_of_form, OUT + KERNEL),
    CORRELATE.name: partial(price_of_form, IMAGE + OUT),
}
"""The function that prices each primitive."""
