"""The sections of a diagnosis: what each shows, and how it is read."""

from collections.abc import Callable
from typing import Any, NamedTuple

from gan_jax.diagnosis import charts
from gan_jax.diagnosis.tables import short

Numbers = dict[str, Any]


class Card(NamedTuple):
    """A section of the page: its plot, and two sentences on how to read it."""

    title: str
    section: str
    draw: Callable[[Numbers], bytes]
    reads: str
    table: Callable[[Numbers], list[list[str]]] = lambda found: []


def layer_table(found: Numbers) -> list[list[str]]:
    head = ["array", "|gradient|", "|weight|", "update / weight"]
    rows = [
        [f"{player[0].upper()} {path}", *map(short, numbers)]
        for player in charts.COLORS
        for path, flow in found["layers"][player].items()
        for numbers in [(flow["gradient"], flow["weight"], flow["ratio"])]
    ]
    return [head, *rows]


def kernel_table(found: Numbers) -> list[list[str]]:
    """Spectral norm, and the stable rank `sum s^2 / s_1^2` of how many."""
    rows = [["kernel", "spectral norm", "stable rank", "of"]]
    for player in charts.COLORS:
        for path, values in found["kernels"][player].items():
            rank = sum(v * v for v in values) / max(values[0] ** 2, 1e-30)
            name = f"{player[0].upper()} {path}"
            rows.append([name, short(values[0]), short(rank), str(len(values))])
    return rows


def quantile_table(found: Numbers) -> list[list[str]]:
    quantiles = found["critic"]["quantiles"]
    heads = [f"{q:.0%}" for q in next(iter(quantiles.values()))]
    return [
        ["at", *heads],
        *([place, *map(short, own.values())] for place, own in quantiles.items()),
    ]


def gap_table(found: Numbers) -> list[list[str]]:
    gap = found["overfitting"]["gap"]
    return [["", "D's logits"], *([k, short(v)] for k, v in gap.items())]


def game_table(found: Numbers) -> list[list[str]]:
    own = found["game"]
    names = {
        "largest_real_part": "largest Re h l",
        "leading_imaginary_ratio": "Im / Re of the two leading",
        "imaginary_ratio": "Im / Re, largest of all found",
        "rate": "learning rate h (G's)",
        "simultaneous_limit": "largest stable rate, simultaneous",
        "decaying_limit": "the same for the modes that decay",
        "alternating_limit": "largest stable rate, alternating",
        "step_radius": "factor per simultaneous step",
        "alternating_radius": "factor per alternating step",
        "reach": "reach of the optimizer, -h l",
        "rotation_index": "rotation index |A u| / |S u|",
        "plain_rotation_index": "the same without the optimizer",
        "field_norm": "|v|",
    }
    rows = [[text, short(own[name])] for name, text in names.items() if name in own]
    for player, bent in own["curvature"].items():
        told = bent.get("skipped") or (
            f"{bent['verdict']} ({short(bent['smallest'])} to {short(bent['largest'])})"
        )
        rows.append([f"{player}'s own Hessian", told])
    return [["", "number"], *rows]


def motion_table(found: Numbers) -> list[list[str]]:
    own = found["motion"]
    ema = [[f"distance to the data, {k}", short(v)] for k, v in own["ema"].items()]
    late = [
        [f"{name}, last quarter", f"{short(v['mean'])} +- {short(v['spread'])}"]
        for name, v in own["spread"].items()
    ]
    return [["", "number"], *ema, *late]


def duality_table(found: Numbers) -> list[list[str]]:
    return [["", "number"], *([k, short(v)] for k, v in found["duality"].items())]


CARDS = (
    Card(
        "Gradient flow over time",
        "course",
        charts.course,
        "Each line is a layer's gradient; lines that stay within a factor of 100 of "
        "each other are healthy. A pale line falling far below the dark ones means "
        "that gradients vanish before the first layers, one far above that they "
        "explode.",
    ),
    Card(
        "Gradient flow by depth",
        "layers",
        charts.flow,
        "The gradient of each kernel at the final state, on the next batch, from the "
        "first layer to the last. A curve that climbs or falls by more than 10,000 "
        "from end to end is a fault of depth: normalization, initialization or "
        "activation.",
    ),
    Card(
        "Update to weight",
        "layers",
        charts.updates,
        "How much of a kernel one step changes: about 1e-3 is usual, 1e-1 destroys "
        "what was learned, 1e-6 stands still. Where a learning rate has decayed, all "
        "are small, as they should be.",
        layer_table,
    ),
    Card(
        "Dead units",
        "units",
        charts.units,
        "The share of units that are never positive on a batch. With ReLU they learn "
        "nothing; with a leaky activation they merely act linearly.",
    ),
    Card(
        "Singular values",
        "kernels",
        charts.spectra,
        "Each line is a kernel's singular values, the largest first. A cliff to zero "
        "is collapse of rank; a leading value that grows without bound in D is a "
        "critic without a leash.",
        kernel_table,
    ),
    Card(
        "What D tells G",
        "critic",
        charts.critic,
        "The size of D's input gradient at reals, fakes and points between them. "
        "Fakes far to the right of reals: a penalty on the reals alone that explodes "
        "elsewhere; all far left: D is flat and G learns nothing.",
        quantile_table,
    ),
    Card(
        "Does D know its examples by heart?",
        "overfitting",
        charts.overfitting,
        "D's logits of reals it was trained on and of reals it has never met. The two "
        "should coincide; a gap of over one deviation is overfitting.",
        gap_table,
    ),
    Card(
        "The game's eigenvalues",
        "game",
        charts.game,
        "Eigenvalues of the game times the learning rate: simultaneous steps contract "
        "what lies in the green disc |1 + h l| < 1. To its left steps overshoot, to "
        "the right of 0 a mode grows, far from the axis the players rotate; a little "
        "growth (under 0.1) is usual away from a solution.",
        game_table,
    ),
    Card(
        "The way from start to end",
        "path",
        charts.path,
        "The angle between the players' descent and the way they came: an end that "
        "attracts shows a fall from 1 to -1 at a = 1. A bump there means that the "
        "field turns about it.",
    ),
    Card(
        "Motion",
        "motion",
        charts.motion,
        "Cosines of each update with the next, in fresh steps from the final state: "
        "near 1 the players travel, near -1 each step undoes the last. In the table, "
        "a raw generator much further from the data than its average is orbiting.",
        motion_table,
    ),
    Card(
        "Duality gap",
        "duality",
        charts.duality,
        "What each player gains by a few steps of best response. The gap between the "
        "two ends is 0 at a solution and at any other point of rest: watch its course.",
        duality_table,
    ),
)
