"""The precision of products, which are matrix products and convolutions.

A product of float32 arrays has float32's error on a CPU. Accelerators round its factors
first, unless they are asked not to: NVIDIA GPUs to 10 bits of mantissa
(TensorFloat-32), TPUs to 7 (bfloat16). What is asked for is
`jax.default_matmul_precision`: a context in which products are traced. A product keeps
the precision of its context in all its derivatives, and `jax.jit` compiles a function
anew for each. The innermost context counts.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import wraps
from typing import Any, TypeVar

import jax

Function = TypeVar("Function", bound=Callable)


def use_precision(precision: str | None) -> AbstractContextManager[None]:
    """Return the context in which products have a precision.

    precision: as `jax.default_matmul_precision` takes it. None: that of the context
    around it, which is the backend's default if nothing else is asked for.
    """
    if precision is None:
        return nullcontext()
    return jax.default_matmul_precision(precision)


def at_highest_precision(function: Function) -> Function:
    """Return the function with true float32 products, whatever is asked for around it.

    Layers of bfloat16 compute in float32 inside of it, too (`is_highest_asked`).
    """

    @wraps(function)
    def compute(*arguments: Any, **options: Any) -> Any:
        with use_precision("highest"):
            return function(*arguments, **options)

    return compute  # pyright: ignore


def asked_precision() -> str | None:
    """Return the precision that is asked for here; None: the backend's default."""
    return jax.config.jax_default_matmul_precision  # pyright: ignore


def is_highest_asked() -> bool:
    """Whether products are to be true float32 here."""
    return asked_precision() in ("highest", "float32")
