"""One stage in a process of its own: `python -m benchmarks.accelerator.worker`.

So the stages share no memory of the device, and one that crashes or hangs ends alone.
"""

import json
import platform
import sys
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import jax

from benchmarks.accelerator.registry import STAGES
from benchmarks.accelerator.stage import Settings, is_finished, run_stage
from gan_jax import __version__
from gan_jax.command_line.user_errors import catch_user_errors
from gan_jax.parallel.compiler import keep_memory

ABOUT = "about"
"""The argument that asks for the device and the versions in place of a stage."""
UNFINISHED = 3
"""The exit code if a piece failed, or has no result yet."""
PACKAGES = ("jax", "jaxlib", "flax", "optax", "numpy", "torch")


def describe_device() -> dict[str, Any]:
    """Return the device and the versions."""
    device = jax.devices()[0]
    versions = {name: found for name in PACKAGES if (found := find_version(name))}
    return {
        "device": device.device_kind,
        "platform": device.platform,
        "devices": jax.device_count(),
        "python": platform.python_version(),
        "gan_jax": __version__,
        **versions,
    }


def find_version(package: str) -> str | None:
    """Return the version of a package, or None if it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def main(arguments: list[str]) -> int:
    """Describe the device, or run `STAGE OUT SECONDS TINY`; return the exit code."""
    if arguments == [ABOUT]:
        print(json.dumps(describe_device()))
        return 0
    name, out, seconds, tiny = arguments
    keep_memory()
    settings = Settings(tiny == "1", float(seconds), Path(out))
    for piece, status in run_stage(STAGES[name], name, settings):
        print(f"  {name}: {piece}: {status}", flush=True)
    return 0 if is_finished(STAGES[name], name, settings) else UNFINISHED


if __name__ == "__main__":
    sys.exit(catch_user_errors(partial(main, sys.argv[1:])))
