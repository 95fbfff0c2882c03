"""What two numbers must share to be comparable."""

from typing import Any

import jax

from gan_jax.config import DatasetConfig
from gan_jax.data import dataset_fields
from gan_jax.evaluate.reference import split_name
from gan_jax.features import Extractor
from gan_jax.version import versions

Fingerprint = dict[str, Any]


def make_fingerprint(
    extractor: Extractor, config: DatasetConfig, n: int, content: str
) -> Fingerprint:
    """Return everything that two numbers must share to be comparable."""
    fields = dataset_fields(config.name)
    left_out = ("flip", "skip_bad", "device_limit", "split")
    return {
        "extractor": extractor.name,
        "weights": extractor.weights,
        "about": extractor.about,
        "resize": extractor.resize,
        "dtype": "float32",
        "backend": jax.default_backend(),
        "n_real": n,
        "n_fake": n,
        "dataset": config.name,
        "split": split_name(config),
        "content": content[:16],
        **{f: getattr(config, f) for f in fields if f not in left_out},
        "versions": versions("jax", "numpy"),
    }


def require_one_fingerprint(rows: list[dict[str, Any]]) -> Fingerprint:
    """Return the fingerprint that results of `evaluate` share.

    Raises ValueError if they differ: the numbers in one column of a table must be
    comparable.
    """
    one, *others = (row["fingerprint"] for row in rows)
    for other in others:
        for name in sorted(one.keys() | other.keys()):
            if one.get(name) != other.get(name):
                raise ValueError(
                    f"{name}: {one.get(name)!r} and {other.get(name)!r} are not "
                    "comparable; evaluate all of them alike"
                )
    return one
