"""SVG as text: elements, the colours of outcomes and of rates, scales and ticks."""

import html
import math
from collections.abc import Iterable
from typing import NamedTuple

OUTCOME_COLOURS = {
    "converged": "#2b7a78",
    "not_reached": "#a3b4b6",
    "oscillating": "#f0c05a",
    "collapsed": "#d9793f",
    "vanished": "#a587bd",
    "exploded": "#8c3b5c",
    "nonfinite": "#3a3f47",
    "error": "#8b9098",
}
"""The colour of each outcome."""
OUTLINE = "#4a5258"
"""The outline of dots: the lighter colours alone are faint on paper."""


def element(tag: str, *children: str, **attributes: object) -> str:
    """Return `<tag attributes>children</tag>`; `data_x` is data-x, `class_` class."""
    named = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value not in (None, "")
    )
    return f"<{tag}{named}>{''.join(children)}</{tag}>"


def text_element(x: object, y: object, words: str, **attributes: object) -> str:
    """Return words at a place."""
    return element("text", html.escape(words), x=x, y=y, **attributes)


def tooltip(words: str) -> str:
    """Return words that show while the pointer rests on an element."""
    return element("title", html.escape(words))


def rate_colour(rate: float) -> str:
    """Return a colour from paper to deep teal, darker with the rate."""
    light, dark = (246, 243, 235), (24, 92, 92)
    mixed = (round(a + (b - a) * rate) for a, b in zip(light, dark, strict=True))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`, from 0 to 1, by WCAG 2.1."""
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def text_colour(rate: float) -> str:
    """Return black or white, whichever stands out more from `rate_colour(rate)`."""
    behind = luminance(rate_colour(rate)) + 0.05
    return "#ffffff" if 1.05 / behind > behind / 0.05 else "#000000"


class Scale(NamedTuple):
    """A scale that maps values from low to high to 0 to 1."""

    low: float
    high: float
    log: bool

    def __call__(self, value: float) -> float:
        low, high = self.low, self.high
        value = min(max(value, low), high)
        if self.log:
            low, high, value = (math.log10(v) for v in (low, high, value))
        return (value - low) / (high - low)


def make_scale(values: Iterable[float], may_be_log: bool = True) -> Scale:
    """Return a scale around the finite values.

    It is logarithmic if it may be and the values span a factor of 8.
    """
    known = [float(v) for v in values if math.isfinite(v)] or [0.0, 1.0]
    low, high = min(known), max(known)
    if may_be_log and low > 0 and high / low > 8:
        return Scale(low / 1.15, max(high, low * 1.01) * 1.15, True)
    pad = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return Scale(low - pad, high + pad, False)


def round_ticks(scale: Scale, most: int = 5) -> list[float]:
    """Return round values within the scale."""
    if scale.log:
        first, last = (math.log10(v) for v in (scale.low, scale.high))
        tens = range(math.ceil(first), math.floor(last) + 1)
        found = [10.0**n for n in tens]
        if len(found) < 2:
            steps = (
                m * 10.0**n
                for n in range(math.floor(first), 2 + math.ceil(last))
                for m in (1, 2, 5)
            )
            found = [v for v in steps if scale.low <= v <= scale.high]
        return found[:: max(1, math.ceil(len(found) / most))]
    rough = (scale.high - scale.low) / most
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(m * unit for m in (1, 2, 5, 10) if m * unit >= rough)
    first = math.ceil(scale.low / step)
    return [
        round(n * step, 12) for n in range(first, math.floor(scale.high / step) + 1)
    ]


def format_tick(value: float) -> str:
    """Return the text of a tick, such as `15k`."""
    if abs(value) >= 1000 and value % 100 == 0 and abs(value) < 1e6:
        return f"{value / 1000:g}k"
    if value and (abs(value) >= 1e6 or abs(value) < 0.001):
        return f"{value:.0e}".replace("e-0", "e-").replace("e+0", "e")
    return f"{value:g}"


def format_percent(share: float) -> str:
    """Return a share in percent, with two decimals."""
    return f"{100 * share:.2f}%"
