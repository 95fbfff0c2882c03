"""A diagnosis as one HTML file that needs nothing else."""

import base64
from html import escape

from gan_jax.diagnosis.advice import ADVICE, advise
from gan_jax.diagnosis.cards import CARDS, Card, Numbers
from gan_jax.diagnosis.tables import summary

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
        else "The operator is J under both learning rates, momentum left out. "
    )
    played = own["dynamics"]
    other = (
        ""
        if played in ("alternating", "simultaneous")
        else f"The field is that of plain play; {played} changes it. "
    )
    count = "All" if own["exact"] else "Leading"
    size = f"{count} eigenvalues of {own['parameters']:,} parameters."
    if own.get("stopped"):
        size += (
            f" The search ended after {own['minutes']:g} minutes; some may be missing."
        )
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
