"""Eight CPU devices, strict shapes, fast compilation, and one cache of it for all."""

import os
import tempfile

os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=8",
        "--xla_backend_optimization_level=0",  # Most of the tests' time is compilation.
    ]
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update(
    "jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "gan_jax_tests")
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
