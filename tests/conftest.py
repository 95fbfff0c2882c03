"""Eight CPU devices, strict shapes, fast compilation, and one cache of it for all."""

import os
import tempfile
from importlib.metadata import version

FLAGS = [
    "--xla_force_host_platform_device_count=8",
    "--xla_backend_optimization_level=0",  # Most of the tests' time is compilation.
]
if version("jaxlib").startswith("0.10."):  # An unknown flag ends the process.
    FLAGS += [
        "--xla_cpu_use_fusion_emitters=false",
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *FLAGS])
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("MPLBACKEND", "Agg")

import jax  # noqa: E402

jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update(
    "jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "gan_jax_tests")
)
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
