"""The page of a diagnosis: one HTML file that needs nothing else."""

import base64
from html import escape

from gan_jax.diagnostics.report.advice import ADVICE, advise
from gan_jax.diagnostics.report.cards import INSTRUMENT_CARDS, OUTCOME_CARDS, Card
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.diagnostics.report.limits import quality_rows
from gan_jax.diagnostics.report.tables import summary_rows

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
.alone { margin-top: 18px; }
.verdict { border-left: 5px solid #3a7d44; }
.verdict.trouble { border-left-color: #c8553d; }
.verdict li { margin: 0 0 12px; }
.verdict ul { padding-left: 20px; margin: 8px 0 0; }
code { background: #f1f1ed; border-radius: 4px; padding: 1px 5px; font-size: .86rem;
  overflow-wrap: anywhere; }
figure { margin: 8px 0; }
img { display: block; width: 100%; height: auto; }
figcaption { margin-top: 8px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .84rem; width: 100%; }
th, td { text-align: right; padding: 3px 8px; border-bottom: 1px solid #eeeeea; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
summary { cursor: pointer; color: #2a6f97; font-size: .9rem; padding: 6px 0; }
@media (max-width: 760px) { .grid { grid-template-columns: 1fr; }
  main { padding: 16px 10px 40px; } .card { padding: 14px 12px; } }
"""


def html_page(diagnosis: Diagnosis) -> str:
    """Return the page of what `diagnose` returns.

    Samples and losses come first, then the verdict, then the instruments.
    """
    title = f"Diagnosis of {diagnosis['run']}"
    left_out = [
        card
        for card in OUTCOME_CARDS + INSTRUMENT_CARDS
        if not is_measured(card, diagnosis)
    ]
    body = "".join(
        [
            card_grid(OUTCOME_CARDS, diagnosis),
            quality_section(diagnosis),
            verdict_section(diagnosis),
            card_grid(INSTRUMENT_CARDS, diagnosis),
            left_out_section(left_out, diagnosis),
            rules_section(),
        ]
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n<h1>{escape(title)}</h1>\n{page_head(diagnosis)}"
        f"{body}</main>\n</body>\n</html>\n"
    )


def page_head(diagnosis: Diagnosis) -> str:
    """Return the line on the run, and what G and D stand for."""
    who = ", ".join(f"{k} {v}" for k, v in diagnosis["label"].items())
    parts = [
        diagnosis["method"],
        who,
        f"step {diagnosis['step']} of {diagnosis['steps']}",
    ]
    text = " &middot; ".join(escape(part) for part in parts if part)
    return (
        f'<p class="quiet">{text} &middot; {escape(diagnosis["verdict"])}</p>\n'
        '<p class="quiet">G is the generator. D is the discriminator: its logit is '
        "the score that it gives to an example, higher for what looks more real.</p>\n"
    )


def card_grid(cards: tuple[Card, ...], diagnosis: Diagnosis) -> str:
    """Return the cards of sections that were measured, side by side."""
    inside = "".join(
        card_section(card, diagnosis) for card in cards if is_measured(card, diagnosis)
    )
    return f'<div class="grid">\n{inside}</div>\n' if inside else ""


def quality_section(diagnosis: Diagnosis) -> str:
    """Return the numbers of the samples' quality, if they were measured."""
    rows = quality_rows(diagnosis)
    if not rows:
        return ""
    return (
        '<section class="card alone" id="quality">\n<h2>Quality of the samples</h2>\n'
        f"{html_table([['', 'here', 'usual'], *map(list, rows)])}</section>\n"
    )


def verdict_section(diagnosis: Diagnosis) -> str:
    """Return the verdict in words, what to try, and the numbers that matter most."""
    pieces = advise(diagnosis)
    items = "".join(
        f"<li>{escape(p['says'])}<br>"
        f'<span class="quiet">{escape(p["name"])}: {escape(p["evidence"])}</span><br>'
        f"What to try: <code>{escape(p['tries'])}</code></li>\n"
        for p in pieces
    )
    words = f"<ul>\n{items}</ul>" if items else f"<p>{all_clear(diagnosis)}</p>"
    kind = "card alone verdict trouble" if pieces else "card alone verdict"
    rows = [["", "here", "usual"], *map(list, summary_rows(diagnosis))]
    return (
        f'<section class="{kind}" id="verdict">\n<h2>What is the matter</h2>\n{words}\n'
        f"{folded_table('The numbers that matter most', rows)}</section>\n"
    )


def all_clear(diagnosis: Diagnosis) -> str:
    """Return what is said where no rule holds."""
    if not diagnosis["finite"]:
        return "The state is not finite: nothing can be measured of it."
    return "Nothing alarming: no rule below holds."


def is_measured(card: Card, diagnosis: Diagnosis) -> bool:
    """Return whether the section that a card needs was measured."""
    return "skipped" not in diagnosis.get(card.section, {"skipped": ""})


def card_section(card: Card, diagnosis: Diagnosis) -> str:
    """Return a card: title, chart, caption, note and table."""
    picture = base64.b64encode(card.draw(diagnosis)).decode()
    note, rows = card.make_note(diagnosis), card.make_table(diagnosis)
    below = f'<p class="quiet">{escape(note)}</p>\n' if note else ""
    return (
        f'<section class="card" id="{card.anchor}">\n<h2>{escape(card.title)}</h2>'
        f'\n<figure>\n<img alt="{escape(card.title)}" '
        f'src="data:image/png;base64,{picture}">\n'
        f"<figcaption>{escape(card.caption)}</figcaption>\n</figure>\n"
        f"{below}{folded_table('Numbers', rows) if rows else ''}</section>\n"
    )


def folded_table(title: str, rows: list[list[str]]) -> str:
    """Return a table that opens at a click."""
    return (
        f"<details>\n<summary>{escape(title)}</summary>\n{html_table(rows)}</details>\n"
    )


def html_table(rows: list[list[str]]) -> str:
    """Return a table, of which the first row holds the heads."""
    first, *others = rows
    top = "".join(f"<th>{escape(cell)}</th>" for cell in first)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>\n"
        for row in others
    )
    return f'<div class="scroll"><table>\n<tr>{top}</tr>\n{body}</table></div>\n'


def left_out_section(cards: list[Card], diagnosis: Diagnosis) -> str:
    """Return a list of the cards that could not be measured, and why."""
    reasons = {
        card.title: diagnosis.get(card.section, {}).get("skipped", "not measured")
        for card in cards
    }
    items = "".join(
        f"<li>{escape(title)} &ndash; {escape(reason)}</li>\n"
        for title, reason in reasons.items()
    )
    if not items:
        return ""
    return (
        '<section class="card alone">\n<h2>Left out</h2>\n'
        f'<ul class="quiet">\n{items}</ul>\n</section>\n'
    )


def rules_section() -> str:
    """Return the list of all rules with their thresholds."""
    rows = [["rule", "holds when"], *([k, v.rule] for k, v in ADVICE.items())]
    return (
        '<section class="card alone">\n<h2>The rules</h2>\n'
        "<p>The verdict is made by these rules, and from the signs of trouble that the "
        "run wrote into its log. In the rules h is the learning rate, and l an "
        "eigenvalue of the game: the real part of h l (Re) is growth per step, the "
        "imaginary part (Im) is rotation per step.</p>\n"
        f"{folded_table('Rules and thresholds', rows)}</section>\n"
    )
