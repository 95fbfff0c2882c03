"""Charts as SVG: panels scale as a whole; strips stretch, but their dots do not."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gan_jax.benchmark.report.html.svg import (
    OUTLINE,
    Scale,
    element,
    format_percent,
    format_tick,
    round_ticks,
    text_element,
    tooltip,
)
from gan_jax.benchmark.report.wording import format_short

Coordinates = Sequence[float] | np.ndarray

STRIP_INSET, STRIP_SHARE = 0.02, 0.90
"""A strip's scale spans 2% to 92% of its width; right of it is the lane of failures."""


def strip_position(scale: Scale, value: float) -> str:
    """Return the place of a value on a strip, in the lane of failures if not finite."""
    share = STRIP_INSET + STRIP_SHARE * scale(value) if math.isfinite(value) else 0.97
    return format_percent(share)


def draw_strip(
    scale: Scale,
    dots: Sequence[tuple[float, str, str]],
    ends: dict[str, float],
    interval: tuple[float, float, float] | None,
    ink: str,
) -> str:
    """Return a strip of the runs of a method.

    dots: a `(value, colour, words)` for each seed. ends: upright lines at floor and
    noise. interval: `(middle, low, high)`, drawn as a bar in the colour `ink`.
    """
    parts = [draw_upright_line(format_percent(0.945), "lane")]
    for name, value in ends.items():
        words = tooltip(f"{name} {format_short(value)}")
        parts.append(draw_upright_line(strip_position(scale, value), name, words))
    if interval is not None:
        middle, low, high = (strip_position(scale, v) for v in interval)
        bar = {"stroke": ink, "class_": "bar"}
        parts.append(element("line", x1=low, x2=high, y1=24, y2=24, **bar))
        parts.append(element("line", x1=middle, x2=middle, y1=19.5, y2=28.5, **bar))
    for index, (value, fill, words) in enumerate(dots):
        y = 7 + 4.5 * (index % 3)
        parts.append(
            element(
                "circle",
                tooltip(words),
                cx=strip_position(scale, value),
                cy=y,
                r=4,
                fill=fill,
                stroke=OUTLINE,
                class_="dot",
            )
        )
    return element("svg", *parts, class_="strip", height=30, width="100%", role="img")


def draw_upright_line(x: str, kind: str, *inside: str) -> str:
    """Return a line over the whole height of a strip."""
    return element("line", *inside, x1=x, x2=x, y1=0, y2=30, class_=kind)


def draw_strip_axis(scale: Scale, ends: dict[str, float], failures: bool) -> str:
    """Return the axis under strips: ticks, names of the ends, the lane of failures."""
    parts = []
    for value in round_ticks(scale):
        if failures and scale(value) > 0.9:
            continue
        x = strip_position(scale, value)
        parts.append(element("line", x1=x, x2=x, y1=0, y2=4, class_="tick"))
        parts.append(
            text_element(x, 16, format_tick(value), class_="axis", text_anchor="middle")
        )
    for index, (name, value) in enumerate(ends.items()):
        x, y = strip_position(scale, value), 31 + 14 * index
        anchor = "start" if scale(value) < 0.1 else "middle"
        named = {"class_": f"axis {name}-text", "text_anchor": anchor}
        parts.append(text_element(x, y, f"{name} {format_short(value)}", **named))
    if failures:
        parts.append(
            text_element("97%", 16, "failed", class_="axis", text_anchor="middle")
        )
    high = 22 + 14 * len(ends)
    return element("svg", *parts, class_="strip", height=high, width="100%")


class Frame(NamedTuple):
    """The plot area of a panel within its view box."""

    width: float
    height: float
    left: float
    bottom: float
    x: Scale
    y: Scale

    def position(self, x: float, y: float) -> tuple[float, float]:
        """Return where a point of the plot is in the view box."""
        wide, high = self.width - self.left - 14, self.height - self.bottom - 8
        return self.left + wide * self.x(x), 8 + high * (1 - self.y(y))


def draw_axes(
    frame: Frame, x_name: str, floor: float | None, x_ticks: int = 3
) -> list[str]:
    """Return grid lines, tick labels, the name of x and the floor."""
    left, right = frame.left, frame.width - 14
    middle = {"text_anchor": "middle"}
    x, y = (left + right) / 2, frame.height - 3
    name = text_element(x, y, x_name, class_="axis name", **middle)
    return [
        *draw_grid(frame, left, right),
        *draw_x_ticks(frame, x_ticks),
        name,
        *([] if floor is None else [draw_floor(frame, floor, left, right)]),
    ]


def draw_grid(frame: Frame, left: float, right: float) -> list[str]:
    """Return a line across the plot at each tick of y, with its number."""
    parts = []
    for value in round_ticks(frame.y, 4):
        y = round(frame.position(frame.x.low, value)[1], 1)
        number = {"class_": "axis", "text_anchor": "end"}
        parts.append(element("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
        parts.append(text_element(left - 5, y + 3.5, format_tick(value), **number))
    return parts


def draw_x_ticks(frame: Frame, most: int) -> list[str]:
    """Return a short line below the plot at each tick of x, with its number."""
    base, parts = frame.height - frame.bottom, []
    for value in round_ticks(frame.x, most):
        x = round(frame.position(value, frame.y.low)[0], 1)
        number = {"class_": "axis", "text_anchor": "middle"}
        parts.append(element("line", x1=x, x2=x, y1=base, y2=base + 4, class_="tick"))
        parts.append(text_element(x, base + 16, format_tick(value), **number))
    return parts


def draw_floor(frame: Frame, floor: float, left: float, right: float) -> str:
    """Return the line of the floor across the plot."""
    y = round(frame.position(frame.x.low, floor)[1], 1)
    words = tooltip(f"floor {format_short(floor)}")
    return element("line", words, x1=left, x2=right, y1=y, y2=y, class_="floor")


def polyline_path(frame: Frame, xs: Coordinates, ys: Coordinates) -> str:
    """Return the path of a line, which is interrupted where y is not finite."""
    parts, pen = [], "M"
    for x, y in zip(xs, ys, strict=True):
        if not math.isfinite(y):
            pen = "M"
            continue
        px, py = frame.position(x, y)
        parts.append(f"{pen}{px:.1f} {py:.1f}")
        pen = "L"
    return "".join(parts)


def band_path(
    frame: Frame, xs: Coordinates, low: Coordinates, high: Coordinates
) -> str:
    """Return the closed path between two lines; infinity is the edge of the panel.

    The band leaves out the points at which a line has no number.
    """
    known = [p for p in zip(xs, low, high, strict=True) if not any(map(math.isnan, p))]
    if not known:
        return ""
    xs, low, high = zip(*known, strict=True)
    up = [
        frame.position(x, min(y, frame.y.high)) for x, y in zip(xs, high, strict=True)
    ]
    down = [
        frame.position(x, max(y, frame.y.low)) for x, y in zip(xs, low, strict=True)
    ]
    points = up + down[::-1]
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def make_panel(frame: Frame, parts: Iterable[str], **attributes: object) -> str:
    """Return the SVG of a panel."""
    box = f"0 0 {frame.width:g} {frame.height:g}"
    return element("svg", *parts, viewBox=box, role="img", **attributes)
