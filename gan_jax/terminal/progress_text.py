"""A part of a piece of work, and its progress in words."""

import math
import time
from dataclasses import dataclass, field

PAUSES = ((300, 10), (1800, 30), (7200, 60), (math.inf, 300))
"""Pairs: until work has lasted so many seconds, its lines are so many seconds apart."""
SMALL_SHARE = 1 / 50
"""The share of a part from which on its pace says how much time is left."""


def format_duration(seconds: float) -> str:
    """Return a duration such as `40 s`, `12 min` or `3 h 20 min`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return (
        f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"
    )


@dataclass(eq=False)
class Part:
    """A part of a piece of work.

    total: how much of it there is, or None if that is not known. first: how much was
    done when the part began. done: how much is done. note: what else is known of it.
    unit: what is counted, for a rate; none is shown if it is "". since: how much was
    done, and when, at the change from which the rate is measured.
    """

    description: str
    total: float | None = None
    first: float = 0.0
    unit: str = ""
    note: str = ""
    done: float = field(init=False)
    began: float = field(default_factory=time.monotonic)
    since: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        self.done = self.first


def record_progress(part: Part, done: float, now: float) -> None:
    """Record in the part that so much of it is done.

    The first of many items may hold a compilation, so the rate is measured from their
    end on. A part with a `unit` begins when that is over.
    """
    few = SMALL_SHARE * (part.total or 0.0)
    if part.since is None and not part.unit and done - part.first < few:
        part.since = done, now
    part.done = done


def current_rate(part: Part, now: float) -> float | None:
    """Return how much of the part is done in a second, or None if it is not known."""
    first, since = part.since or (part.first, part.began)
    made, seconds = part.done - first, now - since
    return made / seconds if made > 0 and seconds > 0 else None


def progress_head(part: Part) -> str:
    """Return what is done, such as `reading mnist` or `step 400 of 12,000`."""
    if part.total is None:
        return part.description
    return f"{part.description} {part.done:,.0f} of {part.total:,.0f}"


def progress_details(part: Part, now: float) -> str:
    """Return what else is known: the time left or so far, the rate, and the note.

    The time comes first, as a narrow terminal cuts off the end.
    """
    speed, spent = current_rate(part, now), format_duration(now - part.began)
    if part.total is None:
        return "  ".join(filter(None, [spent, part.note]))
    pace = format_rate(speed, part.unit) if speed and part.unit else ""
    ahead = part.total - part.done
    left = f"{format_duration(ahead / speed)} left" if speed and ahead else spent
    return "  ".join(filter(None, [left, pace, part.note]))


def format_rate(speed: float, unit: str) -> str:
    """Return a rate such as `41.2 steps/s` or `1,234 steps/s`."""
    return f"{speed:,.0f} {unit}/s" if speed >= 100 else f"{speed:.3g} {unit}/s"


def progress_line(part: Part, now: float) -> str:
    """Return the progress of the part as a line of a log."""
    if part.total is None:
        return f"still {part.description}  {progress_details(part, now)}"
    share = part.done / part.total if part.total else 1.0
    return f"{progress_head(part)} ({share:.0%})  {progress_details(part, now)}"


def pause_between_lines(seconds: float) -> float:
    """Return the seconds until the next line of work that has lasted so long."""
    return next(pause for until, pause in PAUSES if seconds < until)
