"""Published numbers beside ours, each with its source, and whether the two agree.

PacGAN's and VEEGAN's tables, R3GAN's ablation and the upstream Dirac notebook were read
in the paper or in its code. The rates of the alpha loss are recomputed from its results
per seed.
"""

import math
from functools import partial
from typing import NamedTuple

import numpy as np
from scipy import stats as distributions

from gan_jax.benchmark.report import stats
from gan_jax.benchmark.report.results import (
    Results,
    Row,
    group_rows,
    metric_title,
    metric_value,
)
from gan_jax.benchmark.report.stats import Interval
from gan_jax.benchmark.report.wording import format_interval, format_short


class PublishedNumber(NamedTuple):
    """One number of a published table.

    method: our method of that kind; None if there is none. error: the standard error;
    None if it is not reported. runs: how many runs it is of. rate: whether it is the
    share of runs whose final `metric` is at least `modes`; otherwise it is a mean of
    `metric`. suite: our suite with its protocol.
    """

    source: str
    task: str
    label: str
    method: str | None
    metric: str
    value: float
    error: float | None = None
    runs: int | None = None
    suite: str = ""
    rate: bool = False
    modes: int = 0


PACGAN = "Lin et al. 2018, arXiv 1712.04086"
VEEGAN = "Srivastava et al. 2017, arXiv 1705.07761, Tab 1"
R3GAN = "Huang et al. 2024, arXiv 2501.05441"
ALPHA = "SankarLab/AlphaGan-Papers-Results, arXiv 2310.18291"
DIRAC = "Mescheder et al. 2018, arXiv 1801.04406, notebook, 500 steps of .2"

ValueAndError = tuple[float, float | None]
"""A published value and its standard error."""

TOY_COLUMNS = ("modes", "high_quality", "reverse_kl")
PACGAN_TOYS: dict[str, dict[tuple[str, str | None], tuple[ValueAndError, ...]]] = {
    "ring": {
        ("GAN", "ns_gan"): ((6.3, 0.5), (0.982, 0.002), (0.45, 0.09)),
        ("ALI", None): ((6.6, 0.3), (0.976, 0.004), (0.36, 0.04)),
        ("PacGAN2", "pacgan2"): ((7.9, 0.1), (0.956, 0.020), (0.07, 0.03)),
        ("PacGAN3", "pacgan3"): ((7.8, 0.1), (0.977, 0.003), (0.10, 0.02)),
        ("PacGAN4", "pacgan4"): ((7.8, 0.1), (0.959, 0.014), (0.07, 0.02)),
    },
    "grid": {
        ("GAN", "ns_gan"): ((17.3, 0.8), (0.948, 0.007), (0.70, 0.07)),
        ("ALI", None): ((24.1, 0.4), (0.957, 0.006), (0.14, 0.03)),
        ("PacGAN2", "pacgan2"): ((23.8, 0.7), (0.913, 0.008), (0.13, 0.04)),
        ("PacGAN3", "pacgan3"): ((24.6, 0.4), (0.942, 0.004), (0.06, 0.02)),
        ("PacGAN4", "pacgan4"): ((24.8, 0.2), (0.936, 0.006), (0.04, 0.01)),
    },
}
"""PacGAN's Table 1: 10 runs of 400,000 steps, with standard errors."""

VEEGAN_TOYS: dict[str, dict[tuple[str, str | None], tuple[ValueAndError, ...]]] = {
    "ring": {
        ("GAN", "ns_gan"): ((1, None), (0.993, None)),
        ("Unrolled", "unrolled"): ((7.6, None), (0.356, None)),
        ("VEEGAN", None): ((8, None), (0.529, None)),
    },
    "grid": {
        ("GAN", "ns_gan"): ((3.3, None), (0.005, None)),
        ("Unrolled", "unrolled"): ((23.6, None), (0.16, None)),
        ("VEEGAN", None): ((24.6, None), (0.40, None)),
    },
}
"""VEEGAN's Table 1."""

STACKED_COLUMNS = ("modes", "kl")
PACGAN_STACKED: dict[tuple[str, str | None], tuple[ValueAndError, ...]] = {
    ("DCGAN, as cited", None): ((99, None), (3.40, None)),
    ("ALI, as cited", None): ((16, None), (5.40, None)),
    ("Unrolled, as cited", "unrolled"): ((48.7, None), (4.32, None)),
    ("VEEGAN, as cited", None): ((150, None), (2.95, None)),
    ("DCGAN", "ns_gan"): ((78.9, 6.5), (4.50, 0.13)),
    ("PacDCGAN2", "pacgan2"): ((1000, None), (0.06, 0.003)),
    ("PacDCGAN3", "pacgan3"): ((1000, None), (0.06, None)),
    ("PacDCGAN4", "pacgan4"): ((1000, None), (0.07, None)),
}
"""PacGAN's Table 2."""
R3GAN_STACKED: dict[tuple[str, str | None], tuple[ValueAndError, ...]] = {
    ("RpGAN + R1 + R2", "r3gan"): ((1000, None), (0.0781, None)),
    ("GAN + R1 + R2", "r1_r2"): ((693, None), (0.9270, None)),
    ("RpGAN + R1", "rpgan_r1"): ((math.nan, None),),
    ("GAN + R1", "r1"): ((math.nan, None),),
}
"""R3GAN's ablation of the loss, of single runs; nan stands for a reported failure."""

ALPHA_RING = (
    ("saturating cross entropy", "minimax", 0.465, 200),
    ("saturating, alpha_D .5", None, 0.795, 200),
    ("saturating, alpha_D .3", "alpha", 0.870, 200),
    ("non-saturating cross entropy", "ns_gan", 0.220, 100),
    ("non-saturating (.5, 1.2)", None, 0.400, 150),
    ("non-saturating (.5, 1.3)", None, 0.440, 200),
)
"""The share of runs that end with all 8 modes, after 156,000 steps."""

DIRAC_END = (
    ("GAN", "minimax", 3.09695, 1.42102),
    ("NSGAN", "non_saturating", 0.640207, 0.283923),
    ("R1 .3", "minimax+r1", 2.64266e-6, 2.30091e-7),
    ("NS + R1 .3", "non_saturating+r1", 2.21196e-6, 1.49942e-7),
    ("WGAN-GP .35", "wasserstein+wgan_gp", 1.80179, 1.22107),
)
"""The distance |(theta, psi)| from (1, -1), simultaneous and alternating, at h = .2."""
DIRAC_RATE = 0.2
GAME_TOLERANCE = 0.01
"""Our exact game agrees with a published one if it is within 1% of it."""


def make_published_numbers(
    source: str, task: str, columns: tuple[str, ...], cells: dict, runs: int, suite: str
) -> list[PublishedNumber]:
    """Return the numbers of one table."""
    return [
        PublishedNumber(source, task, label, method, metric, value, error, runs, suite)
        for (label, method), values in cells.items()
        for metric, (value, error) in zip(columns, values, strict=False)
    ]


def list_published() -> list[PublishedNumber]:
    """Return all published numbers."""
    stacked = "stacked_mnist"
    veegan, resize = "stacked_veegan", "stacked_resize"
    found = []
    for task, cells in PACGAN_TOYS.items():
        found += make_published_numbers(
            f"{PACGAN}, Tab 1", task, TOY_COLUMNS, cells, 10, "pacgan"
        )
        found += make_published_numbers(
            VEEGAN, task, TOY_COLUMNS, VEEGAN_TOYS[task], 5, ""
        )
    tab2 = f"{PACGAN}, Tab 2"
    found += make_published_numbers(
        tab2, veegan, STACKED_COLUMNS, PACGAN_STACKED, 10, stacked
    )
    found += make_published_numbers(
        R3GAN, resize, STACKED_COLUMNS, R3GAN_STACKED, 1, ""
    )
    rates = partial(PublishedNumber, ALPHA, "ring", metric="modes", rate=True, modes=8)
    for label, method, value, runs in ALPHA_RING:
        found.append(rates(label=label, method=method, value=value, runs=runs))
    for label, method, *ends in DIRAC_END:
        for task, value in zip(("simultaneous", "alternating"), ends, strict=True):
            exact = PublishedNumber(DIRAC, task, label, method, "distance", value)
            found.append(exact._replace(suite="dirac"))
    return found


class PublishedComparison(NamedTuple):
    """A published number beside ours.

    ours: None if these rows have none of its method. agrees: None if that cannot be
    said.
    """

    published: PublishedNumber
    ours: Interval | None
    runs: int
    agrees: bool | None
    same_protocol: bool


def compare_published(results: Results) -> list[PublishedComparison]:
    """Return the published numbers of the tasks of these rows, each beside ours.

    A method whose every run crashed has no number of its own.
    """
    groups = {
        key: group
        for key, group in group_rows(results.main).items()
        if any(row["error"] is None for row in group)
    }
    suite = results.plan["suite"]
    return [
        compare_number(one, groups.get((one.task, one.method or ""), []), suite)
        for one in list_published()
        if one.task in results.tasks
    ]


def compare_number(
    published: PublishedNumber, rows: list[Row], suite: str
) -> PublishedComparison:
    """Return a published number beside that of these rows."""
    same = bool(published.suite) and suite == published.suite
    if not rows:
        return PublishedComparison(published, None, 0, None, same)
    if published.source == DIRAC:
        return compare_game(published, rows, same)
    if published.rate:
        found = sum(
            metric_value(row, published.metric) >= published.modes for row in rows
        )
        ours = stats.wilson(found, len(rows))
        assert published.runs
        theirs = (round(published.value * published.runs), published.runs)
        gap = stats.newcombe((found, len(rows)), theirs)
        return PublishedComparison(
            published, ours, len(rows), gap.low <= 0 <= gap.high, same
        )
    values = np.array([end_value(row, published.metric) for row in rows])
    if not np.isfinite(values).all():
        return PublishedComparison(published, None, len(rows), None, same)
    ours = student_interval(values)
    half = math.hypot((ours.high - ours.low) / 2, 1.96 * (published.error or 0.0))
    comparable = len(values) > 1 and math.isfinite(published.value)
    agrees = abs(ours.value - published.value) <= half if comparable else None
    return PublishedComparison(published, ours, len(rows), agrees, same)


def compare_game(
    published: PublishedNumber, rows: list[Row], same: bool
) -> PublishedComparison:
    """Return a published game beside ours at its step size, without an interval."""
    ends = [r["final"]["distance"] for r in rows if r["axes"].get("h") == DIRAC_RATE]
    if not ends or ends[0] is None:
        return PublishedComparison(published, None, 0, None, same)
    agrees = math.isclose(ends[0], published.value, rel_tol=GAME_TOLERANCE)
    return PublishedComparison(
        published, Interval(ends[0], ends[0], ends[0]), 1, agrees, same
    )


def end_value(row: Row, metric: str) -> float:
    """Return a run's number at the end; 0 for a failed run where more is better.

    Where less is better, the number of a failed run is infinite.
    """
    value = metric_value(row, metric)
    return 0.0 if value == -math.inf else value


def student_interval(values: np.ndarray) -> Interval:
    """Return the mean with Student's interval, `mean +- t s / sqrt(n)`."""
    mean, n = float(values.mean()), len(values)
    if n < 2:
        return Interval(mean, mean, mean)
    half = distributions.t.ppf(0.975, n - 1) * values.std(ddof=1) / math.sqrt(n)
    return Interval(mean, mean - float(half), mean + float(half))


PUBLISHED_HEADS = ("task", "method", "number", "published", "ours", "agree", "source")
"""The heads of a table of published numbers."""


def published_cells(comparison: PublishedComparison) -> tuple[str, ...]:
    """Return the cells of a published number as text."""
    theirs = comparison.published
    value = "fails" if math.isnan(theirs.value) else format_short(theirs.value)
    if theirs.error is not None:
        value += f" ± {format_short(theirs.error)}"
    elif theirs.rate:
        value += f" of {theirs.runs}"
    number = f"P({theirs.modes} modes)" if theirs.rate else metric_title(theirs.metric)
    ours = (
        f"{format_interval(comparison.ours)}, n = {comparison.runs}"
        if comparison.ours
        else "–"
    )
    verdict = "–" if comparison.agrees is None else "yes" if comparison.agrees else "no"
    if comparison.agrees is not None and not comparison.same_protocol:
        verdict += ", other protocol"
    source = theirs.source
    return theirs.task, theirs.label, number, value, ours, verdict, source
