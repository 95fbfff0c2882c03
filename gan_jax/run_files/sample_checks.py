"""Checks of the measured samples: collapse, and samples unlike the data."""

import numpy as np

from gan_jax.types import Row

COLLAPSED = 0.2
"""A run whose diversity stays under this share of the data's has collapsed."""
LATE = 0.25
"""Of the steps made: the part at the end that decides whether it has."""
LEAST = 3
"""Measurements in that part, without which nothing is said."""


def has_collapsed(rows: list[Row]) -> bool:
    """Whether every `diversity` of the last quarter of the steps is under 0.2.

    `diversity` is the effective number of fakes over that of equally many examples
    (`metrics.diversity`): 1 for the data's own, 1/8 for one of eight modes. False with
    fewer than three measurements in the quarter, and where the data have no diversity.
    """
    begin = (1 - LATE) * rows[-1]["step"]
    late = [r["diversity"] for r in rows if "diversity" in r and r["step"] > begin]
    return len(late) >= LEAST and all(value < COLLAPSED for value in late)


NOISE_LIKE = 0.9
"""`sample_distance` from which on samples are no nearer to the data than noise is."""
BY_CHANCE = 0.01
"""`sample_precision` under which samples are on the modes by chance: noise has 0.3 % on
the ring."""
QUALITY = ("sample_distance", "sample_modes", "sample_precision")
"""What is logged of how near the samples are to the data."""


def last_samples(rows: list[Row]) -> Row:
    """The last measured diversity and QUALITY, and their step; empty if there is none.

    What is not finite (the diversity of a single point) is left out.
    """
    for row in reversed(rows):
        numbers = {name: row.get(name, np.nan) for name in ("diversity", *QUALITY)}
        if found := {name: x for name, x in numbers.items() if np.isfinite(x)}:
            return {"step": row["step"], **found}
    return {}


def why_unlike_data(samples: Row) -> str | None:
    """Why samples of such numbers are not like the data, in words; None: they may be.

    No mode is hit, fewer than 1 % are on a mode, or the nearest example is on average
    as far as it is from noise.
    """
    if samples.get("sample_modes", 1) == 0:
        return "no sample lies on a mode of the data"
    share = samples.get("sample_precision", 1.0)
    if share < BY_CHANCE:
        return f"only {share:.1%} of the samples lie on a mode of the data"
    if samples.get("sample_distance", 0.0) >= NOISE_LIKE:
        return (
            "the samples are no nearer to the data than noise is (distance "
            f"{samples['sample_distance']:.2g}; the data have 0, noise has 1)"
        )
    return None


def describe_samples(samples: Row) -> str:
    """Of `last_samples`; of a run that measured none, that it did not."""
    texts = {
        "sample_modes": "modes hit: {:.0f}",
        "sample_precision": "{:.1%} on a mode",
        "sample_distance": "sample distance {:.2g} (the data 0, noise 1)",
        "diversity": "diversity {:.2g} (the data 1)",
    }
    found = [texts[name].format(samples[name]) for name in texts if name in samples]
    if not found:
        return "not measured: no step so far is a multiple of --metrics.every"
    return f"{', '.join(found)}, at step {samples['step']}"


def why_not_learned(rows: list[Row]) -> str | None:
    """Why a run that made all its steps did not learn the data; None: it may have.

    `unlike_data` of the last measurement, if it is of the last quarter of the steps.
    """
    samples = last_samples(rows)
    late = samples and samples["step"] > (1 - LATE) * rows[-1]["step"]
    return why_unlike_data(samples) if late else None
