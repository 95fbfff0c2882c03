"""What XLA is told beside the program."""

from functools import cache

import jax
import jax.numpy as jnp

LIBRARY = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
"""On CPU, of what the library YNNPACK takes from XLA by default only matrix products:
its float32 convolutions, of jaxlib 0.10 on, take 1.2 to 2 times as long as XLA's."""


@cache
def compiler_options() -> dict[str, str]:
    """`jax.jit(step, compiler_options=...)` of a step with convolutions, on this
    backend; none where XLA does not know them."""
    if jax.default_backend() != "cpu":
        return {}
    try:
        jax.jit(jnp.negative, compiler_options=LIBRARY).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return LIBRARY
