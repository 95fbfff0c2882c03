"""The page, the tables and the figures of a report of synthetic rows."""

import math
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import synthetic_rows as synthetic

from gan_jax.benchmark.report.figures import task_figures
from gan_jax.benchmark.report.figures.all_figures import draw_profiles, draw_rates
from gan_jax.benchmark.report.findings import collect_findings
from gan_jax.benchmark.report.html.document import render_page
from gan_jax.benchmark.report.html.svg import (
    OUTCOME_COLOURS,
    OUTLINE,
    Scale,
    format_tick,
    make_scale,
    rate_colour,
    round_ticks,
    text_colour,
)
from gan_jax.benchmark.report.html.task_panels import draw_seed_strips
from gan_jax.benchmark.report.markdown import render_markdown
from gan_jax.benchmark.report.report import write_report
from gan_jax.benchmark.report.results import read_results
from gan_jax.benchmark.report.wording import format_short

VOID = {"meta", "link", "input"}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The report of a small plan, since drawing takes long."""
    small = synthetic.toy(4, ("ring",), ("ns_gan", "wgan_gp"))
    return write_report(synthetic.write(tmp_path_factory.mktemp("small"), *small))


class Collector(HTMLParser):
    """Tags that were not closed, addresses, ids."""

    def __init__(self):
        super().__init__()
        self.open, self.addresses, self.ids = [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)
        known = dict(attrs)
        self.ids += [known["id"]] if "id" in known else []
        self.addresses += [known[name] for name in ("src", "href") if name in known]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_one_file_with_all_sections(findings):
    text = render_page(findings)
    parser = Collector()
    parser.feed(text)
    assert not parser.open
    assert all(address.startswith("data:") for address in parser.addresses)
    assert not re.search(r"https?://|@import|url\(", text)
    sections = {"filters", "rates", "methods", "scores", "published", "questions"}
    assert sections <= set(parser.ids) and len(set(parser.ids)) == len(parser.ids)
    assert not re.findall(r' (?:d|cx|x|y|x1|y1)="[^"]*(?:nan|inf)', text)


def test_map_is_the_first_section(mapped):
    text = render_page(collect_findings(read_results(mapped)))
    assert text.index('id="map"') < text.index('id="rates"')
    assert text.count('class="map"') == 4


def test_names_in_rows_cannot_write_into_the_page(toy, tmp_path):
    def renamed(own):
        return [row | {"method": "<script>alert(1)</script>"} for row in own[:10]]

    folder = synthetic.rewrite(toy, tmp_path, renamed)
    text = render_page(collect_findings(read_results(folder)))
    assert "<script>alert" not in text


def test_markdown_has_the_tables_and_says_what_columns_mean(findings):
    text = render_markdown(findings)
    for line in text.splitlines():
        if line.startswith("|"):
            assert line.endswith("|")
    for task in ("ring", "grid"):
        assert f"## {task}" in text
    assert "Robust modes ≥ 8" in text and "floor 0.021" in text
    assert "**success**: How many of the runs succeeded" in text
    assert "| wgan_gp | 8/10 [0.49, 0.94] |" in text


def test_figures_are_written_as_png_and_svg(written):
    names = {path.name for path in written}
    for name in ("success", "outcomes", "profiles", "seeds_ring", "curves_ring"):
        assert {f"{name}.png", f"{name}.svg"} <= names
    assert all(path.stat().st_size > 500 for path in written)
    assert sum(path.stat().st_size for path in written) < 5e6


def test_what_outcomes_mean_is_told_with_the_thresholds(findings):
    for text in (render_markdown(findings), render_page(findings)):
        assert "Modes with one hit &lt; 4" in text or "Modes with one hit < 4" in text
        assert "the goal was met and lost again in the last 25% of the steps" in text
        assert "the goal was met at every evaluation in the last 25% of the" in text
        assert "a logged value or a sample became NaN or infinite" in text
        assert "times its early median" not in text  # none vanished or exploded
    seen = render_markdown(findings).split("## How runs end")[1]
    order = ("nonfinite", "collapsed", "oscillating", "not reached", "converged")
    at = [seen.index(f"- **{name}**") for name in order]
    assert at == sorted(at)


def test_explosions_are_told_with_their_factors(toy, tmp_path):
    def other(own):
        ends = ("exploded", "vanished")
        return [r | {"outcome": ends[i % 2]} for i, r in enumerate(own)]

    text = render_markdown(
        collect_findings(read_results(synthetic.rewrite(toy, tmp_path, other)))
    )
    early = (
        "its early median (the larger of those over the first 100 steps and over the "
        "1% of the steps after them)"
    )
    assert f"was over 1000 times {early}, or the mean logits were over 1000" in text
    assert f"was under 0.001 times {early}, in at least 1% of the steps" in text


def words_of(figure):
    """All that a figure says."""
    from matplotlib.text import Text

    return " ".join(one.get_text() for one in figure.findobj(Text))


def test_every_dashed_or_dotted_line_of_a_figure_is_explained(findings):
    drawn = {
        "success": (draw_rates(findings), False, False),
        "profiles": (draw_profiles(findings), True, False),
        "seeds": (task_figures.draw_seeds(findings, "ring"), True, True),
        "cost": (task_figures.draw_cost(findings, "ring"), True, True),
    }
    for name, (figure, dashed, dotted) in drawn.items():
        words = words_of(figure)
        assert ("dashed" in words, "dotted" in words) == (dashed, dotted), name
        across = [
            line
            for axis in figure.axes
            for line in axis.lines
            if line.get_linestyle() == "--" and line.get_xdata()[0] == 1
        ]
        assert bool(across) == (name == "profiles"), name


def test_noise_stands_beside_the_floor_where_the_plan_has_it(findings):
    assert "dashed: floor 0.021, dotted: noise 1.7" in words_of(
        task_figures.draw_seeds(findings, "ring")
    )
    text = draw_seed_strips(findings.results, "ring", findings.entries)
    assert ">noise 1.7</text>" in text and 'class="noise"' in text
    assert "The dotted line is what noise scores." in text
    known = {k: v for k, v in findings.results.plan.items() if k != "noise"}
    bare = findings._replace(results=findings.results._replace(plan=known))
    assert "noise" not in words_of(task_figures.draw_seeds(bare, "ring"))
    assert "noise" not in draw_seed_strips(bare.results, "ring", bare.entries)


def test_costs_are_drawn_whole_with_ticks_apart(findings):
    figure = task_figures.draw_cost(findings, "ring")
    left = figure.axes[0]
    low, high = left.get_ylim()
    for axis in figure.axes:
        for line in (one for one in axis.lines if one.get_label() in synthetic.METHODS):
            y = np.asarray(line.get_ydata(), float)
            assert low <= np.nanmin(y) and np.nanmax(y) <= high
    shown = [tick.get_text() for tick in left.get_xticklabels()]
    assert shown == [format_tick(value) for value in left.get_xticks()]
    assert "20k" in shown


def luminance(colour):
    """WCAG 2.1, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts
    ]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


def test_a_rate_is_legible_on_its_shade():
    """WCAG 2.1, 1.4.3: contrast of 4.5 or more."""
    for percent in range(101):
        pair = sorted(luminance(c(percent / 100)) for c in (rate_colour, text_colour))
        assert (pair[1] + 0.05) / (pair[0] + 0.05) >= 4.5


def test_every_dot_stands_out_from_the_paper(findings):
    """WCAG 2.1, 1.4.11: contrast of 3 or more, of the fill or its outline."""
    paper = luminance("#fbfaf6")
    for name, fill in OUTCOME_COLOURS.items():
        inks = [(paper + 0.05) / (luminance(c) + 0.05) for c in (fill, OUTLINE)]
        assert max(inks) >= 3 and inks[0] > 1.6, name
    text = draw_seed_strips(findings.results, "ring", findings.entries)
    assert text.count('class="dot"') == text.count(f'stroke="{OUTLINE}"') > 0
    edges = {
        line.get_markeredgecolor()
        for line in task_figures.draw_seeds(findings, "ring").axes[0].lines
        if line.get_marker() == "o"
    }
    assert edges == {OUTLINE}


def test_scales_hold_their_ticks():
    for values in ([0.02, 0.9], [1, 8], [3, 3], [1e-9, 1e3], []):
        scale = make_scale(values)
        assert all(scale.low <= tick <= scale.high for tick in round_ticks(scale))
        assert all(0 <= scale(value) <= 1 for value in values)
    assert make_scale([0.01, 1.0]).log and not make_scale([0.01, 1.0], False).log
    assert Scale(1.0, 100.0, True)(10.0) == pytest.approx(0.5)


def test_numbers_are_short():
    shown = [format_short(v) for v in (0.02134, 25, 1e-7, math.inf, math.nan, 12_345.0)]
    assert shown == ["0.0213", "25", "1.0e-7", "failed", "–", "1.2e4"]
