"""Method styles as SVG: a line with its markers, a swatch, the legend of a chart."""

import html
from collections.abc import Iterable, Mapping, Sequence

from gan_jax.benchmark.report.html.svg import OUTCOME_COLOURS, element, tooltip
from gan_jax.benchmark.report.method_styles import MethodStyle

MARKER_SHAPES = {
    "o": "M-1 0a1 1 0 1 0 2 0a1 1 0 1 0-2 0Z",
    "s": "M-.9-.9h1.8v1.8h-1.8Z",
    "^": "M0-1.1L1.1.9H-1.1Z",
    "D": "M0-1.25L1.25 0 0 1.25-1.25 0Z",
    "v": "M0 1.1L1.1-.9H-1.1Z",
    "P": "M-.45-1.2h.9v.75h.75v.9h-.75v.75h-.9v-.75h-.75v-.9h.75Z",
    "X": "M-.6-1.2L0-.6.6-1.2 1.2-.6.6 0 1.2.6.6 1.2 0 .6-.6 1.2-1.2.6-.6 0-1.2-.6Z",
}
"""Each marker as a path about the origin, of radius about 1."""


def draw_marker(style: MethodStyle, x: float, y: float, radius: float = 3.2) -> str:
    """Return a marker of this style at a place."""
    place = f"translate({x:.1f} {y:.1f}) scale({radius})"
    shape = MARKER_SHAPES[style.marker]
    return element("path", d=shape, transform=place, fill=style.colour, class_="mark")


def draw_swatch(style: MethodStyle) -> str:
    """Return a piece of the method's line with its marker."""
    ends = {"x1": 0, "x2": 26, "y1": 6, "y2": 6}
    line = element("line", **ends, stroke=style.colour, stroke_dasharray=style.dash)
    drawn = (line, draw_marker(style, 13, 6, 3.6))
    return element(
        "svg", *drawn, width=26, height=12, class_="swatch", aria_hidden="true"
    )


def label_method(method: str, style: MethodStyle) -> str:
    """Return the name of a method behind its swatch."""
    return draw_swatch(style) + element("span", html.escape(method))


def make_legend(methods: Sequence[str], styles: Mapping[str, MethodStyle]) -> str:
    """Return a legend with an entry for each method that a chart draws."""
    entries = [
        element("span", label_method(method, styles[method]), data_method=method)
        for method in methods
    ]
    return element("p", *entries, class_="legend methods")


def make_outcome_legend(outcomes: Iterable[str]) -> str:
    """Return what the colours of dots and bars say about how runs ended."""
    marks = [
        element("i", style=f"background:{OUTCOME_COLOURS[name]}")
        + html.escape(name.replace("_", " "))
        for name in outcomes
    ]
    entries = [element("span", one) for one in marks]
    return element("p", *entries, class_="legend")


def draw_method_line(
    method: str, style: MethodStyle, path: str, points: Iterable[tuple[float, float]]
) -> str:
    """Return a line with markers at some of its points.

    Both vanish with the method's filter button.
    """
    drawn = {"class_": "method-line", "stroke": style.colour}
    line = element("path", d=path, stroke_dasharray=style.dash, **drawn)
    marks = [draw_marker(style, x, y) for x, y in points]
    return element("g", tooltip(method), line, *marks, data_method=method)
