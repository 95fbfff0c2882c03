"""A diagnosis as one HTML file that needs nothing else."""

import base64
from collections.abc import Callable
from html import escape
from typing import Any, NamedTuple

from gan_jax.diagnosis import charts
from gan_jax.diagnosis.advice import ADVICE, advise
from gan_jax.diagnosis.tables import short, summary

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
        "The last batch's gradient of each kernel, from the first layer to the last. "
        "A curve that climbs or falls by more than 10,000 from end to end is a fault "
        "of depth: normalization, initialization or activation.",
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

STYLE = """
:root { color-scheme: light; }
* { box-sizing: border-box; }
body { margin: 0; background: #f5f5f2; color: #26292e;
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.5rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 0 0 6px; }
p { margin: 4px 0 10px; }
.quiet { color: #666b73; font-size: .9rem; overflow-wrap: anywhere; }
.grid { display: grid; grid-template-columns: 1fr 1fr; gap: 18px; margin-top: 18px; }
.card { background: #fff; border: 1px solid #e3e3de; border-radius: 10px;
  padding: 16px 18px; min-width: 0; }
.verdict { margin-top: 18px; border-left: 5px solid #3a7d44; }
.verdict.trouble { border-left-color: #c8553d; }
.verdict li { margin: 0 0 12px; }
.verdict ul { padding-left: 20px; margin: 8px 0 0; }
code { background: #f1f1ed; border-radius: 4px; padding: 1px 5px; font-size: .86rem;
  overflow-wrap: anywhere; }
img { display: block; width: 100%; height: auto; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; width: 100%; }
th, td { text-align: right; padding: 3px 8px; border-bottom: 1px solid #eeeeea; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
summary { cursor: pointer; color: #2a6f97; font-size: .9rem; padding: 6px 0; }
@media (max-width: 760px) { .grid { grid-template-columns: 1fr; }
  main { padding: 16px 10px 40px; } .card { padding: 14px 12px; } }
"""


def page(found: Numbers) -> str:
    """The whole page of `gan_jax.diagnosis.diagnose`'s numbers."""
    title = f"Diagnosis of {found['run']}"
    cards = "".join(card(one, found) for one in CARDS if shown(one, found))
    left_out = [one for one in CARDS if not shown(one, found)]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{head(found)}{judged(found)}"
        f'<div class="grid">\n{cards}</div>\n{absent(left_out, found)}{rules()}'
        "</main>\n</body>\n</html>\n"
    )


def head(found: Numbers) -> str:
    who = ", ".join(f"{k} {v}" for k, v in found["label"].items())
    parts = [found["method"], who, f"step {found['step']} of {found['steps']}"]
    text = " &middot; ".join(escape(part) for part in parts if part)
    return f'<p class="quiet">{text} &middot; {escape(found["verdict"])}</p>\n'


def judged(found: Numbers) -> str:
    """The verdict in words, what to try, and the numbers that matter most."""
    pieces = advise(found)
    items = "".join(
        f"<li>{escape(p['says'])}<br>"
        f'<span class="quiet">{escape(p["name"])}: {escape(p["evidence"])}</span><br>'
        f"What to try: <code>{escape(p['tries'])}</code></li>\n"
        for p in pieces
    )
    words = f"<ul>\n{items}</ul>" if items else f"<p>{calm(found)}</p>"
    kind = "card verdict trouble" if pieces else "card verdict"
    rows = [["", "here", "usual"], *map(list, summary(found))]
    return (
        f'<section class="{kind}" id="verdict">\n<h2>What is the matter</h2>\n{words}\n'
        f"{folded('The numbers that matter most', rows)}</section>\n"
    )


def calm(found: Numbers) -> str:
    if not found["finite"]:
        return "The state is not finite: nothing can be measured of it."
    return "Nothing alarming: no rule below holds."


def shown(one: Card, found: Numbers) -> bool:
    return "skipped" not in found.get(one.section, {"skipped": ""})


def card(one: Card, found: Numbers) -> str:
    picture = base64.b64encode(one.draw(found)).decode()
    note = operator(found) if one.section == "game" else ""
    rows = one.table(found)
    return (
        f'<section class="card" id="{one.draw.__name__}">\n<h2>{escape(one.title)}</h2>'
        f"\n<p>{escape(one.reads)}</p>\n{note}"
        f'<img alt="{escape(one.title)}" src="data:image/png;base64,{picture}">\n'
        f"{folded('Numbers', rows) if rows else ''}</section>\n"
    )


def operator(found: Numbers) -> str:
    """Whose eigenvalues these are."""
    own = found["game"]
    scaled = (
        "Adaptive optimizer: the operator is diag(1 / (sqrt(v) + eps)) J, second "
        "moments held fixed and momentum left out, which is this run's own. "
        if own["adaptive"]
        else "The operator is J itself, momentum left out. "
    )
    played = own["dynamics"]
    other = (
        ""
        if played in ("alternating", "simultaneous")
        else f"The field is that of plain play; {played} changes it. "
    )
    count = "All" if own["exact"] else "Leading"
    size = f"{count} eigenvalues of {own['parameters']:,} parameters."
    return f'<p class="quiet">{escape(scaled + other + size)}</p>\n'


def folded(title: str, rows: list[list[str]]) -> str:
    first, *others = rows
    top = "".join(f"<th>{escape(cell)}</th>" for cell in first)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in others
    )
    return (
        f'<details>\n<summary>{escape(title)}</summary>\n<div class="scroll"><table>\n'
        f"<tr>{top}</tr>\n{body}</table></div>\n</details>\n"
    )


def absent(cards: list[Card], found: Numbers) -> str:
    """What could not be measured, and why."""
    items = "".join(
        f"<li>{escape(one.title)}: "
        f"{escape(found.get(one.section, {}).get('skipped', 'not measured'))}</li>\n"
        for one in cards
    )
    if not items:
        return ""
    return (
        '<section class="card" style="margin-top:18px">\n<h2>Left out</h2>\n'
        f'<ul class="quiet">\n{items}</ul>\n</section>\n'
    )


def rules() -> str:
    rows = [["rule", "holds when"], *([k, v.rule] for k, v in ADVICE.items())]
    return (
        '<section class="card" style="margin-top:18px">\n<h2>The rules</h2>\n'
        "<p>The verdict is made of these, and of the signs that the log told while the "
        f"run went on.</p>\n{folded('Rules and thresholds', rows)}</section>\n"
    )
