"""The tables of numbers and the notes on them, on the page and in the terminal.

A table is a list of rows of text, of which the first holds the heads.
"""

from typing import Any

from gan_jax.diagnostics.report import limits
from gan_jax.diagnostics.report.charts import COLORS, PLACE_NAMES
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis


def format_number(value: Any) -> str:
    """Return a number in three digits, anything else as text."""
    if isinstance(value, float | int) and not isinstance(value, bool):
        return f"{value:.3g}"
    return str(value)


SUMMARY = (
    ("fastest growth per step", "", ("game", "largest_real_part")),
    ("fastest decay per step", "", ("game", "overshoot")),
    ("decay per step that the optimizer can bear", "", ("game", "reach")),
    (
        "rotation / growth or decay, two fastest",
        "",
        ("game", "leading_imaginary_ratio"),
    ),
    ("rotation index (0: pure descent)", "", ("game", "rotation_index")),
    ("learning rate of G for these numbers", "", ("game", "rate")),
    ("largest stable one, of what decays", "", ("game", "decaying_limit")),
    (
        "largest stable one, of everything",
        "0 if anything grows",
        ("game", "simultaneous_limit"),
    ),
    *(
        (
            f"the {player}'s own loss is at a",
            "saddle is usual",
            ("game", "curvature", player, "verdict"),
        )
        for player in COLORS
    ),
    (
        "D's logit, seen less unseen reals (deviations)",
        "",
        ("overfitting", "gap", "deviations"),
    ),
    ("distance to the data, last less averaged G", "", ("motion", "ema", "gap")),
    ("duality gap", "0 at a solution", ("duality", "gap")),
)
"""The numbers that matter most: a name, what is usual of a number that has no limit in
`limits.LIMITS`, and the number's path in a diagnosis."""


def summary_rows(diagnosis: Diagnosis) -> list[tuple[str, str, str]]:
    """Return name, value and usual range of the numbers that matter most."""
    rows = limits.quality_rows(diagnosis)
    for name, usual, path in SUMMARY:
        value = limits.value_at(diagnosis, *path)
        if value is not None:
            bound = limits.usual_range(diagnosis, path, usual)
            rows.append((name, format_number(value), bound))
    return rows


def layer_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return the norms of each parameter array, and its update over its weight."""
    heads = ["parameters", "size of the gradient", "of the weights", "update / weight"]
    rows = [
        [f"{player[0].upper()} {path}", *map(format_number, numbers)]
        for player in COLORS
        for path, flow in diagnosis["layers"][player].items()
        for numbers in [(flow["gradient"], flow["weight"], flow["ratio"])]
    ]
    return [heads, *rows]


def kernel_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return each kernel's largest singular value and stable rank `sum s^2 / s_1^2`."""
    rows = [["weights", "largest singular value", "stable rank", "rank at most"]]
    for player in COLORS:
        for path, values in diagnosis["kernels"][player].items():
            rank = sum(v * v for v in values) / max(values[0] ** 2, 1e-30)
            numbers = format_number(values[0]), format_number(rank), str(len(values))
            rows.append([f"{player[0].upper()} {path}", *numbers])
    return rows


def quantile_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return quantiles of D's slope at real, generated and intermediate examples."""
    quantiles = diagnosis["critic"]["quantiles"]
    shares = [f"{share:.0%} are below" for share in next(iter(quantiles.values()))]
    rows = [
        [PLACE_NAMES[place], *map(format_number, values.values())]
        for place, values in quantiles.items()
    ]
    return [["slope of D at", *shares], *rows]


def numbers_table(numbers: Diagnosis, names: dict[str, str]) -> list[list[str]]:
    """Return the numbers that have a name, those that are missing left out."""
    rows = [
        [text, format_number(numbers[key])]
        for key, text in names.items()
        if key in numbers
    ]
    return [["", "number"], *rows]


def gap_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return D's mean logits of seen and unseen real examples, and their gap."""
    names = {
        "training": "mean logit of the training's real examples",
        "held_out": "mean logit of real examples that D has never seen",
        "gap": "the difference",
        "deviations": "the difference, in standard deviations of the logits",
        "sign": "share judged real less share judged fake, of the training's",
    }
    return numbers_table(diagnosis["overfitting"]["gap"], names)


GAME_NAMES = {
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
"""The names of the game's numbers on the page."""


def eigenvalue_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return what the game's eigenvalues and the players' curvatures say."""
    game = diagnosis["game"]
    rows = numbers_table(game, GAME_NAMES)
    for player, curvature in game["curvature"].items():
        text = curvature.get("skipped")
        if text is None:
            extremes = map(format_number, (curvature["smallest"], curvature["largest"]))
            text = f"{curvature['verdict']} ({' to '.join(extremes)})"
        rows.append([f"the {player}'s own loss is at a (curvatures)", text])
    return rows


LOGGED_NAMES = {
    "d_loss": "loss of D",
    "g_loss": "loss of G",
    "real_logits": "D's logit of real examples",
    "fake_logits": "D's logit of generated examples",
}
"""The names of the log's columns on the page."""


def motion_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return both generators' distances to the data, and late values of the log."""
    motion = diagnosis["motion"]
    names = {
        "raw": "distance to the data of the last generator's samples",
        "averaged": "the same of the averaged generator's",
        "gap": "the difference",
    }
    late_values = [
        [
            f"{LOGGED_NAMES.get(name, name)}, mean and deviation in the last quarter",
            f"{format_number(late['mean'])} ± {format_number(late['spread'])}",
        ]
        for name, late in motion["spread"].items()
    ]
    return [*numbers_table(motion["ema"], names), *late_values]


def duality_table(diagnosis: Diagnosis) -> list[list[str]]:
    """Return the duality gap and the values of the game that it is made of."""
    names = {
        "gap": "duality gap",
        "value": "value as it is",
        "worst": "value after D improves",
        "best": "value after G improves",
    }
    return numbers_table(diagnosis["duality"], names)


def note_on_game(diagnosis: Diagnosis) -> str:
    """Say which game was measured: its rates, its optimizer, and how much of it."""
    game = diagnosis["game"]
    sentences = [
        note_on_rates(game),
        "Adam's or RMSprop's division of each parameter's gradient is part of the "
        "game, held as it was at the end."
        if game["adaptive"]
        else "",
        "Momentum is left out of the picture: with it this optimizer bears decay of up "
        f"to {game['reach']:.3g} per step."
        if game["reach"] > 2
        else "",
        ""
        if game["dynamics"] in ("alternating", "simultaneous")
        else f"These are eigenvalues of plain play; {game['dynamics']} changes them.",
        note_on_count(game),
    ]
    return " ".join(filter(None, sentences))


def note_on_rates(game: Diagnosis) -> str:
    """Say at which learning rates the game was measured."""
    rates = f"Learning rates: {game['rate']:.3g} of G and {game['d_rate']:.3g} of D"
    last = game["last_rate"], game["last_d_rate"]
    if last == (game["rate"], game["d_rate"]):
        return f"{rates}, those of the last step."
    return (
        f"{rates}, the highest of the schedule, at the final state; the last step was "
        f"made with {last[0]:.3g} and {last[1]:.3g}. Growth here says what steps at "
        "the highest rate would do now; it is no fault of a run whose rates have "
        "decayed."
    )


def note_on_count(game: Diagnosis) -> str:
    """Say how many of the game's eigenvalues were found."""
    count = "All" if game["exact"] else "The fastest"
    note = f"{count} eigenvalues of a game of {game['parameters']:,} parameters."
    if game.get("stopped"):
        note += (
            f" The search ended after {game['minutes']:g} minutes; some may be missing."
        )
    return note


def note_on_decay(diagnosis: Diagnosis) -> str:
    """Say that the steps of a run whose learning rates have decayed say little."""
    if not diagnosis.get("decayed"):
        return ""
    return (
        f"The learning rates had decayed to {diagnosis['g_rate']:.3g} of G and "
        f"{diagnosis['d_rate']:.3g} of D, so these steps are tiny and say little."
    )
