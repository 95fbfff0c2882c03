"""Checks of the measured samples in a run's rows: collapse, and unlike the data.

Each check is a function of rows alone, so a resumed run comes to the same findings.
"""

import numpy as np

from gan_jax.types import Row

COLLAPSED = 0.2
"""The share of the data's diversity under which a run has collapsed."""
LATE = 0.25
"""The share of the steps, at the end of a run, whose measurements count."""
LEAST = 3
"""The fewest measurements at the end that show a collapse."""


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
"""The `sample_distance` from which on samples are no nearer to the data than noise."""
BY_CHANCE = 0.01
"""The `sample_precision` under which samples are on the modes by chance; that of noise
is 0.3 % on the ring."""
QUALITY = ("sample_distance", "sample_modes", "sample_precision")
"""The metrics that say how near the samples are to the data."""


def last_samples(rows: list[Row]) -> Row:
    """Return the last measured diversity and QUALITY with their step, or nothing.

    A number that is not finite (the diversity of a single point) is left out.
    """
    for row in reversed(rows):
        numbers = {name: row.get(name, np.nan) for name in ("diversity", *QUALITY)}
        if found := {name: x for name, x in numbers.items() if np.isfinite(x)}:
            return {"step": row["step"], **found}
    return {}


def why_unlike_data(samples: Row) -> str | None:
    """Return why samples with these measurements are not like the data, in words.

    None: they may be like the data. They are not if no mode is hit, if fewer than 1 %
    are on a mode, or if the nearest example is on average as far as it is from noise.
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
    """Return what `last_samples` found in words, or that nothing was measured."""
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
    """Return why a run that made all its steps did not learn the data, in words.

    None: it may have learned them. The reason is that of `why_unlike_data` for the last
    measurement, if that is of the last quarter of the steps.
    """
    samples = last_samples(rows)
    late = samples and samples["step"] > (1 - LATE) * rows[-1]["step"]
    return why_unlike_data(samples) if late else None
