"""The tables and the notes below the charts of a diagnosis."""

from typing import Any

from gan_jax.diagnostics.report import charts
from gan_jax.diagnostics.report.tables import short

Numbers = dict[str, Any]


def layer_table(found: Numbers) -> list[list[str]]:
    head = ["parameters", "size of the gradient", "of the weights", "update / weight"]
    rows = [
        [f"{player[0].upper()} {path}", *map(short, numbers)]
        for player in charts.COLORS
        for path, flow in found["layers"][player].items()
        for numbers in [(flow["gradient"], flow["weight"], flow["ratio"])]
    ]
    return [head, *rows]


def kernel_table(found: Numbers) -> list[list[str]]:
    """The largest singular value, and the stable rank `sum s^2 / s_1^2`."""
    rows = [["weights", "largest singular value", "stable rank", "rank at most"]]
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
        ["slope of D at", *(f"{head} are below" for head in heads)],
        *(
            [charts.PLACE_NAMES[place], *map(short, own.values())]
            for place, own in quantiles.items()
        ),
    ]


def gap_table(found: Numbers) -> list[list[str]]:
    names = {
        "training": "mean logit of the training's real examples",
        "held_out": "mean logit of real examples that D has never seen",
        "gap": "the difference",
        "deviations": "the difference, in standard deviations of the logits",
        "sign": "share judged real less share judged fake, of the training's",
    }
    gap = found["overfitting"]["gap"]
    return [["", "number"], *([text, short(gap[k])] for k, text in names.items())]


def game_table(found: Numbers) -> list[list[str]]:
    own = found["game"]
    names = {
        "rate": "learning rate of G in this section",
        "d_rate": "learning rate of D in this section",
        "last_rate": "learning rate of G in the last step",
        "last_d_rate": "learning rate of D in the last step",
        "largest_real_part": "fastest growth per step",
        "overshoot": "fastest decay per step",
        "reach": "decay per step that the optimizer can bear",
        "leading_imaginary_ratio": "rotation / growth or decay of the two fastest",
        "imaginary_ratio": "rotation / growth or decay, largest of all",
        "simultaneous_limit": "largest stable learning rate of G, players at once",
        "decaying_limit": "the same, of what decays",
        "alternating_limit": "largest stable learning rate of G, players in turn",
        "step_radius": "largest factor of a step, players at once",
        "alternating_radius": "largest factor of a step, players in turn",
        "rotation_index": "rotation index (0: pure descent)",
        "plain_rotation_index": "the same without the optimizer's scaling",
        "field_norm": "size of both players' gradients",
    }
    rows = [[text, short(own[name])] for name, text in names.items() if name in own]
    for player, measure_curvature in own["curvature"].items():
        told = measure_curvature.get("skipped") or (
            f"{measure_curvature['verdict']} "
            f"({short(measure_curvature['smallest'])} to "
            f"{short(measure_curvature['largest'])})"
        )
        rows.append([f"the {player}'s own loss is at a (curvatures)", told])
    return [["", "number"], *rows]


LOGGED = {
    "d_loss": "loss of D",
    "g_loss": "loss of G",
    "real_logits": "D's logit of real examples",
    "fake_logits": "D's logit of generated examples",
}
"""What columns of the log are called on the page."""


def motion_table(found: Numbers) -> list[list[str]]:
    own = found["motion"]
    names = {
        "raw": "distance to the data of the last generator's samples",
        "averaged": "the same of the averaged generator's",
        "gap": "the difference",
    }
    ema = [[text, short(own["ema"][k])] for k, text in names.items()]
    late = [
        [
            f"{LOGGED.get(name, name)}, mean and deviation in the last quarter",
            f"{short(v['mean'])} ± {short(v['spread'])}",
        ]
        for name, v in own["spread"].items()
    ]
    return [["", "number"], *ema, *late]


def duality_table(found: Numbers) -> list[list[str]]:
    names = {
        "gap": "duality gap",
        "value": "value as it is",
        "worst": "value after D improves",
        "best": "value after G improves",
    }
    own = found["duality"]
    return [["", "number"], *([text, short(own[k])] for k, text in names.items())]


def game_note(found: Numbers) -> str:
    """Which game was measured: its rates, its optimizer, and how much of it."""
    own = found["game"]
    rates = f"Learning rates: {own['rate']:.3g} of G and {own['d_rate']:.3g} of D"
    last = own["last_rate"], own["last_d_rate"]
    changed = last != (own["rate"], own["d_rate"])
    rates += (
        ", the highest of the schedule, at the final state; the last step was made "
        f"with {last[0]:.3g} and {last[1]:.3g}. Growth here says what steps at the "
        "highest rate would do now; it is no fault of a run whose rates have decayed."
        if changed
        else ", those of the last step."
    )
    scaled = (
        "Adam's or RMSprop's division of each parameter's gradient is part of the "
        "game, held as it was at the end. "
        if own["adaptive"]
        else ""
    )
    momentum = (
        f"Momentum is left out of the picture: with it this optimizer bears decay of "
        f"up to {own['reach']:.3g} per step. "
        if own["reach"] > 2
        else ""
    )
    played = own["dynamics"]
    other = (
        ""
        if played in ("alternating", "simultaneous")
        else f"These are eigenvalues of plain play; {played} changes them. "
    )
    return f"{rates} {scaled}{momentum}{other}{describe_eigenvalue_count(own)}"


def describe_eigenvalue_count(game: Numbers) -> str:
    """How many of the eigenvalues there are were found."""
    count = "All" if game["exact"] else "The fastest"
    size = f"{count} eigenvalues of a game of {game['parameters']:,} parameters."
    if game.get("stopped"):
        size += (
            f" The search ended after {game['minutes']:g} minutes; some may be missing."
        )
    return size


def decay_note(found: Numbers) -> str:
    """That the steps of a run whose learning rate has decayed say little."""
    if not found.get("decayed"):
        return ""
    return (
        f"The learning rates had decayed to {found['g_rate']:.3g} of G and "
        f"{found['d_rate']:.3g} of D, so these steps are tiny and say little."
    )
