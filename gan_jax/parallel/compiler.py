"""XLA compiler options, the compilation cache, and malloc settings."""

import ctypes
import platform
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from gan_jax.data.storage import cache_folder, enforce_limit

LIBRARY = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
"""The option that leaves only matrix products to the library YNNPACK on CPU. By default
it takes float32 convolutions from XLA too, from jaxlib 0.10 on, and they took 1.2 to 2
times as long."""
DETERMINISTIC = {"xla_gpu_deterministic_ops": True}
"""The option that makes a program for GPUs repeat bit for bit. XLA then takes no
operation that adds in a varying order, and chooses kernels by rule: autotuning, which
times them, chooses others in another compilation."""

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's `mallopt`."""


def compiler_options(deterministic: bool = False) -> dict[str, str | bool]:
    """Return the compiler options for a step with convolutions on this backend.

    They are for `jax.jit(step, compiler_options=...)`. deterministic: whether the step
    is to repeat bit for bit.
    """
    convolutions = library_options() if jax.default_backend() == "cpu" else {}
    return convolutions | deterministic_options(deterministic)


def deterministic_options(deterministic: bool) -> dict[str, str | bool]:
    """Return the compiler options with which a program repeats bit for bit.

    Programs for other backends than GPUs need none.
    """
    on_gpu = jax.default_backend() == "gpu"
    return dict(DETERMINISTIC) if deterministic and on_gpu else {}


@cache
def library_options() -> dict[str, str | bool]:
    """Return LIBRARY, or nothing where XLA does not know the option."""
    try:
        jax.jit(jnp.negative, compiler_options=LIBRARY).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return {}
    return dict(LIBRARY)


def compile_step(
    body: Callable, deterministic: bool = False, **layout: Any
) -> Callable:
    """Compile a function by `jax.jit` with `compiler_options(deterministic)`.

    Called with shapes in place of arrays (`jax.ShapeDtypeStruct` with a sharding), the
    function is traced and compiled, is not executed, and returns the shapes of its
    results. A later call with such arrays finds the program.

    layout: further arguments of `jax.jit`. Where the function is called inside another
    jitted one it has no options of its own, as a program has one set of options.
    """
    plain = jax.jit(body, **layout)
    options = compiler_options(deterministic)
    own = jax.jit(body, compiler_options=options, **layout)

    def run(*arguments: Any) -> Any:
        kinds = set(map(type, jax.tree.leaves(arguments)))
        if jax.ShapeDtypeStruct in kinds:
            return compile_for_shapes(own, *arguments)
        traced = any(issubclass(kind, Tracer) for kind in kinds)
        return (plain if traced else own)(*arguments)

    return run


def compile_for_shapes(jitted: Any, *shapes: Any) -> Any:
    """Trace and compile a jitted function, and return the shapes of its results."""
    lowered = jitted.lower(*shapes)
    shardings = lowered.compile().output_shardings
    return jax.tree.map(shape_of, shardings, lowered.out_info)


def shape_of(sharding: Any, leaf: Any) -> jax.ShapeDtypeStruct:
    """Return the shape and type of an array, laid out so."""
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def has_shapes(tree: Any) -> bool:
    """Whether a tree has shapes in place of arrays."""
    leaves = jax.tree.leaves(tree)
    return any(isinstance(leaf, jax.ShapeDtypeStruct) for leaf in leaves)


def keep_memory() -> None:
    """Let the process keep memory that it frees, for the next step on CPU.

    Call it before JAX starts. It does nothing with another C library than glibc.

    XLA takes a step's temporaries from the C library in one piece, and frees it. A
    piece of over 32 MB goes back to the system, and the next step pays its page faults
    again. Only the main thread can keep pieces of over 64 MB, so steps on one device
    run in the thread that calls them. The memory of the process stays at its peak.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)
        jax.config.update("jax_cpu_enable_async_dispatch", False)


def cache_compilations() -> None:
    """Keep compiled programs under the cache folder, unless JAX has a folder for them.

    Raises ValueError for a size limit of the cache that is not a number.
    """
    if jax.config.jax_compilation_cache_dir is None:  # pyright: ignore
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "compiled"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.5)
        enforce_limit()
