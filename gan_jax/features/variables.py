"""Fits the tensors of a weight file to a Flax module."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict


def fit_variables(
    flat: dict[tuple[str, ...], np.ndarray],
    module: nn.Module,
    size: int,
    source: str,
) -> dict[str, Any]:
    """Return `{"params", "batch_stats"}` of a module from tensors by their paths.

    size: the side of the images `[B, size, size, 3]` that the module takes. source:
    the name of the file, for the message. Raises ValueError if a tensor is missing,
    left over, or of another shape or dtype than the module's.
    """
    image = jax.ShapeDtypeStruct((1, size, size, 3), jnp.float32)
    like: Any = jax.eval_shape(module.init, jax.random.key(0), image)
    leaves: dict[tuple[str, ...], Any] = flatten_dict(like)  # pyright: ignore
    wanted = {k: (v.shape, v.dtype) for k, v in leaves.items()}
    found = {k: (v.shape, v.dtype) for k, v in flat.items()}
    wrong = {k for k in wanted.keys() | found.keys() if wanted.get(k) != found.get(k)}
    if wrong:
        worst = min(wrong)
        raise ValueError(
            f"{source}: {len(wrong)} tensors do not fit, first "
            f"{'.'.join(worst)}: {found.get(worst)}, not {wanted.get(worst)}"
        )
    return unflatten_dict(flat)
