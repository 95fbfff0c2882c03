"""The style of each method in all charts and figures: one colour, dash and marker.

A known method has the same style in every report, whatever else is in it.
"""

from collections import Counter
from collections.abc import Iterable
from itertools import count
from typing import NamedTuple

from gan_jax.benchmark.suites import SUITES
from gan_jax.benchmark.suites.spec import BENCHMARK_METHODS

PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
"""Matplotlib's `petroff10`, which colour-blind readers can tell apart.

Petroff 2021, arXiv 2107.02270: the colours stay apart under simulated protanopia,
deuteranopia and tritanopia, and on light and dark paper."""
DASHES = ("", "6 3", "2 2.5", "8 3 2 3")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
"""Matplotlib's names; html.markers draws the same shapes on the page."""


class MethodStyle(NamedTuple):
    """How a method is drawn.

    colour: `#rrggbb`. dash: an SVG dash array; "" is solid. marker: one of MARKERS.
    """

    colour: str
    dash: str
    marker: str


StyleNumber = tuple[int, int]
"""The index of a colour, and the index of a method among those of that colour."""


def make_style(number: StyleNumber) -> MethodStyle:
    """Return the style with this number."""
    hue, style = number
    marker = MARKERS[(hue + 3 * style) % len(MARKERS)]
    return MethodStyle(PALETTE[hue], DASHES[style % len(DASHES)], marker)


def number_known_methods() -> dict[str, StyleNumber]:
    """Return the style number of every known method.

    Methods that suites compare by default come first, so that methods which often stand
    side by side differ in colour as far as there are colours.
    """
    usual = [
        m for suite in SUITES.values() for m in suite.methods if m in BENCHMARK_METHODS
    ]
    order = dict.fromkeys([*usual, *BENCHMARK_METHODS])
    numbers = (divmod(index, len(PALETTE)) for index in range(len(order)))
    return {m: (hue, style) for m, (style, hue) in zip(order, numbers, strict=True)}


STYLE_NUMBERS = number_known_methods()


def assign_styles(names: Iterable[str]) -> dict[str, MethodStyle]:
    """Return a style for each name, no two alike.

    A name that is no known method (a plugin's, or a point of a stress axis) gets the
    colour that is least used here. It therefore depends on `names` and their order
    alone.
    """
    names = list(dict.fromkeys(names))
    numbers = {name: STYLE_NUMBERS[name] for name in names if name in STYLE_NUMBERS}
    used = Counter(hue for hue, _ in numbers.values())
    for name in names:
        if name not in numbers:
            hue = min(range(len(PALETTE)), key=lambda one: (used[one], one))
            taken = set(numbers.values())
            numbers[name] = next((hue, k) for k in count() if (hue, k) not in taken)
            used[hue] += 1
    return {name: make_style(numbers[name]) for name in names}
