"""Looks as SVG: a method's line with its markers, its swatch, a chart's legend."""

import html
from collections.abc import Iterable, Mapping, Sequence

from gan_jax.benchmark.report.html.svg import OUTCOME_COLOURS, element, tip
from gan_jax.benchmark.report.looks import Look

SHAPES = {
    "o": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
    "s": "M-.9-.9h1.8v1.8h-1.8Z",
    "^": "M0-1.1L1.1.9H-1.1Z",
    "D": "M0-1.25L1.25 0 0 1.25-1.25 0Z",
    "v": "M0 1.1L1.1-.9H-1.1Z",
    "P": "M-.45-1.2h.9v.75h.75v.9h-.75v.75h-.9v-.75h-.75v-.9h.75Z",
    "X": "M-.6-1.2L0-.6.6-1.2 1.2-.6.6 0 1.2.6.6 1.2 0 .6-.6 1.2-1.2.6-.6 0-1.2-.6Z",
}
"""Each marker as a path about the origin, of radius about 1."""


def mark(look: Look, x: float, y: float, radius: float = 3.2) -> str:
    place = f"translate({x:.1f} {y:.1f}) scale({radius})"
    shape = SHAPES[look.marker]
    return element("path", d=shape, transform=place, fill=look.colour, class_="mark")


def swatch(look: Look) -> str:
    """A piece of the method's line with its marker."""
    ends = {"x1": 0, "x2": 26, "y1": 6, "y2": 6}
    line = element("line", **ends, stroke=look.colour, stroke_dasharray=look.dash)
    drawn = (line, mark(look, 13, 6, 3.6))
    return element(
        "svg", *drawn, width=26, height=12, class_="swatch", aria_hidden="true"
    )


def named(method: str, look: Look) -> str:
    """The name of a method behind its swatch."""
    return swatch(look) + element("span", html.escape(method))


def legend(methods: Sequence[str], looks: Mapping[str, Look]) -> str:
    """An entry for each method that a chart draws."""
    entries = [
        element("span", named(method, looks[method]), data_method=method)
        for method in methods
    ]
    return element("p", *entries, class_="legend methods")


def outcome_legend(outcomes: Iterable[str]) -> str:
    """What the colours of dots and bars say of how runs ended."""
    marks = [
        element("i", style=f"background:{OUTCOME_COLOURS[name]}")
        + html.escape(name.replace("_", " "))
        for name in outcomes
    ]
    entries = [element("span", one) for one in marks]
    return element("p", *entries, class_="legend")


def method_line(
    method: str, look: Look, path: str, points: Iterable[tuple[float, float]]
) -> str:
    """A line with markers at some of its points; both vanish with the method's chip."""
    drawn = {"class_": "method-line", "stroke": look.colour}
    line = element("path", d=path, stroke_dasharray=look.dash, **drawn)
    marks = [mark(look, x, y) for x, y in points]
    return element("g", tip(method), line, *marks, data_method=method)
