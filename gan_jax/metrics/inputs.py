"""What every metric asks of its features, and where it computes on them.

Features are `[N, F]`, real and finite. float64 and integer features are computed in
NumPy float64 on the host, whatever `jax_enable_x64` says; float32 and narrower in
float32 where JAX's default backend is an accelerator, else in NumPy float64 as well.
"""

import jax
import jax.numpy as jnp
import numpy as np

Features = np.ndarray | jax.Array


def accelerated(*features: Features) -> bool:
    """Whether float32 on an accelerator is wanted and to be had for all of them."""
    narrow = all(
        jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize <= 4
        for x in features
    )
    return narrow and jax.default_backend() != "cpu"


def checked(name: str, features: Features) -> Features:
    """The features; a ValueError if they are not `[N, F]` of finite numbers."""
    if features.ndim != 2 or 0 in features.shape:
        raise ValueError(
            f"{name} has shape {features.shape}; [N, F] with N, F >= 1 is needed: "
            "flatten all axes but the first"
        )
    on_device = isinstance(features, jax.Array)
    finite = (jnp if on_device else np).isfinite(features).all(axis=1)
    bad = len(features) - int(finite.sum())
    if bad:
        raise ValueError(
            f"{name} has NaN or infinity in {bad} of {len(features)} rows; all must be "
            "finite: the generator or the extractor has diverged"
        )
    return features


def on_host(features: Features) -> np.ndarray:
    """As NumPy float64."""
    return np.asarray(features, np.float64)


def matched(least: int = 1, **features: Features) -> list[Features]:
    """Each `[N, F]` checked, with one F, at least so many rows, and in one place."""
    named = [checked(name, x) for name, x in features.items()]
    if len({x.shape[1] for x in named}) > 1:
        shapes = ", ".join(f"{name} {x.shape}" for name, x in features.items())
        raise ValueError(
            f"features differ in width: {shapes}; all must come from one extractor"
        )
    for name, x in features.items():
        if len(x) < least:
            raise ValueError(
                f"{name} has {len(x)} rows; at least {least} are needed: take more"
            )
    if accelerated(*named):
        return [jnp.asarray(x, jnp.float32) for x in named]
    return [on_host(x) for x in named]


def equal_counts(metric: str, real: Features, fake: Features) -> None:
    """A ValueError unless both have as many rows."""
    if len(real) != len(fake):
        raise ValueError(
            f"{metric} of {len(real)} real and {len(fake)} fake samples; equal numbers "
            f"are needed: take the first {min(len(real), len(fake))} of each"
        )
