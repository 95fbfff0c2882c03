"""Fetches, checks and reads the published weights of `gan_jax.features.inception`.

They are pytorch-fid's file of 95,628,359 bytes, which its author converted from the
TensorFlow graph of 2015-12-05. It is parsed only if its SHA-256 is the one below.
"""

import hashlib
import os
import tempfile
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.features.inception import SIZE, InceptionV3
from gan_jax.features.torch_file import read_state_dict
from gan_jax.features.variables import fit_variables
from gan_jax.terminal.command_name import name_command
from gan_jax.terminal.progress import show_progress

FILE = "pt_inception-2015-12-05-6726825d.pth"
URL = f"https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/{FILE}"
# Its publisher gives the first eight digits, in the file's name. Several users of the
# file have recorded the whole hash in public, independently of each other.
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
SILENCE_SECONDS = 60
"""How long the server may send nothing before the download fails."""
PIECE_BYTES = 2**18
"""How many bytes are read at once."""

FLAX_PATHS = {
    "fc.weight": ("params", "fc", "kernel"),
    "fc.bias": ("params", "fc_bias"),
    "conv.weight": ("params", "conv", "kernel"),
    "bn.weight": ("params", "bn", "scale"),
    "bn.bias": ("params", "bn", "bias"),
    "bn.running_mean": ("batch_stats", "bn", "mean"),
    "bn.running_var": ("batch_stats", "bn", "var"),
}
"""The collection and the end of the path in Flax, by the end of a name in the file."""


def inception_weights_path(folder: Path) -> Path:
    """Return the path of the file in a cache folder."""
    return folder / FILE


def load_inception(path: str | Path) -> dict[str, Any]:
    """Return the variables (float32) of `InceptionV3` from the published file.

    No code in the file runs (see `gan_jax.features.torch_file`). Raises ValueError if
    there is no file, with the ways to get it, and for any file but the published one.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Inception weights {path}: no such file; {how_to_get(path)}")
    data = path.read_bytes()
    check_hash(hashlib.sha256(data).hexdigest(), str(path), path)
    variables = to_variables(read_state_dict(data, str(path)), str(path))
    return jax.tree.map(jnp.asarray, variables)


def how_to_get(path: Path) -> str:
    """Return the ways to get the file, for a message."""
    return (
        f"where there is internet, run `{name_command('prepare')} inception`; "
        f"elsewhere, copy {URL} to {path}, or give --weights the path of a copy"
    )


def check_hash(found: str, source: str, path: Path) -> None:
    """Raise ValueError for a hash that is not the published file's."""
    if found != SHA256:
        raise ValueError(
            f"Inception weights {source}: SHA-256 {found}, not {SHA256}: damaged, or "
            f"not the published file; {how_to_get(path)}"
        )


def hash_file(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_published_file(path: Path) -> bool:
    """Return whether the published file lies at this path."""
    return path.is_file() and hash_file(path) == SHA256


def to_variables(tensors: dict[str, np.ndarray], source: str) -> dict[str, Any]:
    """Return `{"params", "batch_stats"}` of `InceptionV3` from the file's tensors.

    Kernels `[O, I, H, W]` become `[H, W, I, O]`, and the last layer's `[O, I]` becomes
    `[I, O]`. The step counters of batch norms are left out. Raises ValueError if a
    tensor is missing, left over, or of another shape or dtype.
    """
    flat = {
        flax_path(name): value.transpose(2, 3, 1, 0) if value.ndim == 4 else value.T
        for name, value in tensors.items()
        if not name.endswith(".bn.num_batches_tracked")
    }
    return fit_variables(flat, InceptionV3(), SIZE, f"Inception weights {source}")


def flax_path(name: str) -> tuple[str, ...]:
    """Map `Mixed_5b.branch1x1.bn.bias` to (params, Mixed_5b, branch1x1, bn, bias)."""
    for end, (collection, *place) in FLAX_PATHS.items():
        if name.endswith(end):
            modules = name.removesuffix(end).split(".")[:-1]
            return (collection, *modules, *place)
    return ("unknown", name)


def download(url: str, path: Path) -> None:
    """Download the published file to `path`; leave nothing there unless it is whole.

    Raises OSError if it cannot be fetched or written, ValueError for another file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".part-", dir=path.parent) as folder:
            part = Path(folder) / path.name
            fetch_file(url, part)
            check_hash(hash_file(part), url, path)
            os.replace(part, path)
    except (OSError, HTTPException) as error:
        raise OSError(
            f"Inception weights: {url} cannot be fetched to {path} ({error}); "
            f"{how_to_get(path)}"
        ) from error


def fetch_file(url: str, path: Path) -> None:
    """Fetch the file at an address, and show the progress."""
    with urlopen(url, timeout=SILENCE_SECONDS) as reply, path.open("wb") as file:
        size = int(reply.headers.get("Content-Length") or 0)
        with show_progress(f"downloading {path.name}, bytes:", size or None) as work:
            while piece := reply.read(PIECE_BYTES):
                file.write(piece)
                work.advance(len(piece))
