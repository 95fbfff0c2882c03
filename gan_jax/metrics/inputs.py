"""Checks the features that metrics are computed of, and chooses where to compute.

Features are `[N, F]`, real and finite. Computations on float64 and integer features are
done in NumPy float64 on the host, whatever `jax_enable_x64` says. Those on float32 and
narrower features are done in float32 if JAX's default backend is an accelerator, else
in NumPy float64 as well.
"""

import jax
import jax.numpy as jnp
import numpy as np

Features = np.ndarray | jax.Array


def suits_accelerator(*features: Features) -> bool:
    """Return whether all features are narrow and the backend is an accelerator."""
    narrow = all(
        jnp.issubdtype(x.dtype, jnp.floating) and x.dtype.itemsize <= 4
        for x in features
    )
    return narrow and jax.default_backend() != "cpu"


def check_features(name: str, features: Features) -> Features:
    """Return the features; raise ValueError unless they are `[N, F]` and finite."""
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


def to_float64(features: Features) -> np.ndarray:
    """Return the features as NumPy float64 on the host."""
    return np.asarray(features, np.float64)


def match_features(least: int = 1, **features: Features) -> list[Features]:
    """Check several sets of features, and return them all in one place.

    Raises ValueError unless each is `[N, F]` and finite, all have one F, and each has
    at least `least` rows.
    """
    named = [check_features(name, x) for name, x in features.items()]
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
    if suits_accelerator(*named):
        return [jnp.asarray(x, jnp.float32) for x in named]
    return [to_float64(x) for x in named]


def require_equal_counts(metric: str, real: Features, fake: Features) -> None:
    """Raise ValueError unless both have the same number of rows."""
    if len(real) != len(fake):
        raise ValueError(
            f"{metric} of {len(real)} real and {len(fake)} fake samples; equal numbers "
            f"are needed: take the first {min(len(real), len(fake))} of each"
        )
