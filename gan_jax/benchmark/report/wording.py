"""Words and numbers in the sentences and tables of the report."""

import math
from collections.abc import Sequence

from gan_jax.benchmark.report.stats import Interval, wilson


def spoken_name(name: str) -> str:
    """Return a method's name within a sentence: `r1 with b1 0.9` for `r1, b1 0.9`."""
    return name.replace(", ", " with ", 1)


def join_names(names: Sequence[str]) -> str:
    """Return `a`, `a and b`, or `a, b and c`."""
    *first, last = map(spoken_name, names)
    return f"{', '.join(first)} and {last}" if first else last


def count_noun(number: int, noun: str) -> str:
    """Return `1 run` or `10 runs`."""
    return f"{number} {noun if number == 1 else noun + 's'}"


def name_some(names: Sequence[str], every: int, noun: str, most: int = 3) -> str:
    """Return the names or, if they are many, their number: `5 of the 10 methods`."""
    if len(names) <= most:
        return join_names(names)
    return f"{len(names)} of the {count_noun(every, noun)}"


def make_sentence(words: str) -> str:
    """Return the words with a capital letter and a full stop."""
    return words[:1].upper() + words[1:] + ("" if words.endswith(".") else ".")


def describe_interval(interval: Interval) -> str:
    """Return `95% interval 20% to 52%`."""
    return f"95% interval {interval.low:.0%} to {interval.high:.0%}"


def describe_rate(name: str, won: int, runs: int) -> str:
    """Return `name: 7/10 = 0.70 [0.40, 0.89]`, a rate with Wilson's interval."""
    value, low, high = wilson(won, runs)
    return f"{name}: {won}/{runs} = {value:.2f} [{low:.2f}, {high:.2f}]"


def explain_not_drawn(names: Sequence[str]) -> str:
    """Return why methods have no line in a chart; nothing if all have one."""
    if not names:
        return ""
    are, their = ("is", "its") if len(names) == 1 else ("are", "their")
    return (
        f"{join_names(names)} {are} not drawn: too many of {their} runs diverged, or "
        "no number of them is known."
    )


def format_short(value: float | None) -> str:
    """Return three digits; `failed` for infinity, a dash for nothing."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "failed"
    if value == 0 or 0.001 <= abs(value) < 10_000:
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"
    return f"{value:.1e}".replace("e-0", "e-").replace("e+0", "e")


def format_rate(rate: float) -> str:
    """Return a learning rate such as `2.5e-2` or `1e-3`."""
    digits, _, power = f"{rate:.5e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def format_interval(interval: Interval | None, digits: int | None = None) -> str:
    """Return an estimate with its interval: `0.80 [0.49, 0.94]`.

    Without limits it is the estimate alone.
    """
    if interval is None or math.isnan(interval.value):
        return "–"
    show = format_short if digits is None else lambda v: f"{v:.{digits}f}"
    if math.isnan(interval.low):
        return show(interval.value)
    return f"{show(interval.value)} [{show(interval.low)}, {show(interval.high)}]"


def format_difference(interval: Interval | None) -> str:
    """Return a difference with its sign and interval: `+0.20 [-0.10, +0.45]`."""
    if interval is None:
        return "baseline"
    if math.isnan(interval.low):
        return f"{interval.value:+.2f}"
    return f"{interval.value:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"


def format_probability(p: float | None) -> str:
    """Return a p value such as `.125` or `< .001`."""
    if p is None:
        return "–"
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def format_figure(interval: Interval, runs: int) -> str:
    """Return the figure of an answer with the number of its runs."""
    value, low, high = interval
    return f"{value:+.3g} [{low:+.3g}, {high:+.3g}], {runs} runs"


def format_p(p: float) -> str:
    """Return a p value within a sentence: `p = .125` or `p < .001`."""
    text = format_probability(p)
    return f"p {text}" if text.startswith("<") else f"p = {text}"
