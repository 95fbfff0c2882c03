"""The page of a diagnosis and the figures of a run: order, geometry, plain words."""

import re

import numpy as np
import pytest

from gan_jax.diagnostics.report import charts, game_chart, html_page, outcome_charts
from gan_jax.diagnostics.report.cards import INSTRUMENT_CARDS, OUTCOME_CARDS
from gan_jax.diagnostics.report.tables import note_on_decay, note_on_game
from gan_jax.logs import curves, point_plots
from gan_jax.logs.curves import draw_curves
from gan_jax.logs.figure_style import CURVES
from gan_jax.logs.grids import tile_pixels
from gan_jax.logs.point_plots import draw_histogram, draw_point_panels, draw_scatter

ALL = OUTCOME_CARDS + INSTRUMENT_CARDS
LAYERS = {f"Dense_{i}/kernel": 0.1 * (i + 1) for i in range(12)}
RANDOM = np.random.default_rng(0)
COURSE = [10.0, 1.0, 0.5]


def of_players(value):
    return {"generator": value, "discriminator": value}


FLOWS = {
    path: {"gradient": size, "weight": 1.0, "update": size, "ratio": 1e-3 * size}
    for path, size in LAYERS.items()
}
GAME = {
    "parameters": 5000,
    "adaptive": True,
    "dynamics": "extragradient",
    "exact": False,
    "minutes": 0.5,
    "stopped": True,
    "rate": 1e-3,
    "d_rate": 2e-3,
    "last_rate": 1e-6,
    "last_d_rate": 2e-6,
    "reach": 6.0,
    "largest_real_part": 0.2,
    "eigenvalues": {
        "leading": [[-3.0, 0.5], [-3.0, -0.5]],
        "growing": [[0.2, 0.0]],
        "turning": [[-0.1, 0.9], [-0.1, -0.9]],
    },
    "curvature": of_players({"verdict": "saddle", "smallest": -1.0, "largest": 2.0}),
}
FOUND = {
    "run": "runs/r1",
    "label": {},
    "method": "ring, non_saturating + r1",
    "step": 3,
    "steps": 3,
    "verdict": "completed",
    "fault": None,
    "finite": True,
    "decayed": True,
    "signs": [],
    "g_rate": 1e-6,
    "d_rate": 2e-6,
    "samples": {
        "count": 50,
        "real": RANDOM.normal(size=(50, 2)),
        "fake": RANDOM.normal(size=(50, 2)),
    },
    "losses": {
        "steps": [1, 2, 3],
        "d_loss": COURSE,
        "g_loss": COURSE,
        "real_logits": COURSE,
        "fake_logits": COURSE,
    },
    "course": {
        "steps": [1, 2, 3],
        "generator_grad_norm": dict.fromkeys(LAYERS, COURSE),
        "discriminator_grad_norm": dict.fromkeys(LAYERS, COURSE),
    },
    "layers": of_players(FLOWS),
    "units": of_players([0.1, 0.9, 0.2] * 4),
    "kernels": of_players({path: COURSE for path in LAYERS}),
    "critic": {
        "norms": {place: np.geomspace(0.1, 30, 40) for place in charts.PLACES},
        "quantiles": {place: {0.5: 1.0, 0.9: 2.0} for place in charts.PLACES},
        "deviation": 1.0,
    },
    "overfitting": {
        "gap": {
            "training": 1.0,
            "held_out": 0.5,
            "gap": 0.5,
            "deviations": 0.5,
            "sign": 0.1,
        },
        "logits": {
            "training": RANDOM.normal(size=90),
            "held_out": RANDOM.normal(size=90),
        },
    },
    "game": GAME,
    "path": {
        "from": 0,
        "to": 3,
        "positions": [0.6, 1.0, 1.4],
        "cosine": [1.0, 0.0, -1.0],
        "norm": COURSE,
    },
    "motion": {
        "cosines": of_players([0.9, -0.9, 0.5]),
        "ema": {"raw": 1.0, "averaged": 0.5, "gap": 0.5},
        "spread": {"d_loss": {"mean": 1.0, "spread": 0.1}},
    },
    "duality": {"gap": 1.0, "value": 0.0, "worst": 0.6, "best": -0.4},
}


MODULES = charts, game_chart, outcome_charts


@pytest.fixture
def unseen(monkeypatch):
    """Charts are replaced by a few bytes, without drawing."""
    for module in MODULES:
        monkeypatch.setattr(module, "to_png", lambda figure: b"picture")


@pytest.fixture
def figures(monkeypatch):
    """A chart function returns its figure in place of its bytes."""
    for module in MODULES:
        monkeypatch.setattr(module, "to_png", lambda figure: figure)


@pytest.fixture
def drawn(figures):
    """A function that returns a chart's figure, laid out."""

    def draw(chart, found):
        figure = chart(found)
        figure.draw_without_rendering()
        return figure

    return draw


def ids(text):
    return re.findall(r'<section class="[^"]*" id="(\w+)"', text)


def test_samples_and_losses_come_first_then_the_verdict_then_the_instruments(unseen):
    instruments = [card.anchor for card in INSTRUMENT_CARDS]
    order = ["samples", "losses", "verdict", *instruments]
    assert ids(html_page(FOUND)) == order
    numbers = {"sample_modes": 3, "mode_count": 8, "sample_precision": 0.25}
    text = html_page(FOUND | {"quality": numbers})
    assert "<summary>Numbers</summary>" in text
    assert ids(text) == [*order[:2], "quality", *order[2:]]
    for name, value, usual in (
        ("modes hit by 256 samples", "3", "over 7.2"),
        ("share of the samples on a mode", "0.25", "over 0.5"),
    ):
        assert f"<td>{name}</td><td>{value}</td><td>{usual}</td>" in text


def test_caption_is_below_its_chart(unseen):
    for part in html_page(FOUND).split("<figure>")[1:]:
        figure = part.partition("</figure>")[0]
        assert 0 <= figure.index("<img") < figure.index("<figcaption>")


FAR = GAME | {
    "eigenvalues": GAME["eigenvalues"] | {"leading": [[-900.0, 5.0], [-0.5, 0.1]]}
}
TINY = GAME | {"eigenvalues": {"leading": [[-1e-3, 0.0]]}}


@pytest.mark.parametrize("game", [GAME, FAR, TINY], ids=["near", "far", "tiny"])
def test_disc_is_round_and_everything_is_in_sight(game, drawn):
    figure = drawn(game_chart.draw_game, {"game": game})
    seen, sizes = set(), []
    for axis in figure.axes:
        disc = axis.patches[0]
        assert (disc.center, disc.radius) == ((-1, 0), 1)
        box = disc.get_window_extent()
        assert box.width == pytest.approx(box.height, rel=1e-3)
        sizes.append(box.width / figure.dpi)
        for dots in axis.collections:
            at = axis.transData.transform(dots.get_offsets())
            inside = [axis.bbox.contains(*point) for point in at]
            seen |= {tuple(dots.get_offsets()[i]) for i in np.flatnonzero(inside)}
    assert max(sizes) > 0.7, "the disc is under 0.7 inches wide"
    assert covered(figure) == []
    every = {tuple(v) for own in game["eigenvalues"].values() for v in own}
    assert every <= seen


def test_marks_of_one_eigenvalue_show_under_each_other(drawn):
    kinds = {kind: [[0.1, 0.5], [0.1, -0.5]] for kind in game_chart.EIGENVALUE_MARKERS}
    axis = drawn(game_chart.draw_game, {"game": {"eigenvalues": kinds}}).axes[0]
    sizes = [dots.get_sizes()[0] for dots in axis.collections]
    assert sizes == sorted(set(sizes))
    assert all(len(dots.get_facecolors()) == 0 for dots in axis.collections)


def legends(figure):
    own = [axis.get_legend() for axis in figure.axes]
    return [*figure.legends, *(legend for legend in own if legend is not None)]


def is_cut(figure, shown):
    box, whole = shown.get_window_extent(), figure.bbox.padded(1)
    return not (whole.contains(box.x0, box.y0) and whole.contains(box.x1, box.y1))


def covered(figure):
    """What a legend lies over (data, tick labels, labels of axes), and what is cut."""
    labels = [text for a in figure.axes for text in (a.title, a.xaxis.label)]
    labels += [axis.yaxis.label for axis in figure.axes]
    labels = [text for text in labels if text.get_text()]
    found = [own for own in legends(figure) + labels if is_cut(figure, own)]
    for legend in legends(figure):
        box = legend.get_window_extent()
        for axis in figure.axes:
            texts = [axis.xaxis.label, axis.yaxis.label, axis.title]
            texts += axis.get_xticklabels() + axis.get_yticklabels()
            texts = [text for text in texts if text.get_text()]
            boxes = [axis.bbox, *(text.get_window_extent() for text in texts)]
            found += [own for own in boxes if box.overlaps(own)]
    return found


@pytest.mark.parametrize("card", ALL, ids=lambda card: card.anchor)
def test_legend_of_a_chart_lies_over_nothing(card, drawn):
    assert covered(drawn(card.draw, FOUND)) == []


def example(shape):
    return {"samples": {"real": np.ones(shape), "fake": np.ones(shape)}}


@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (5, 8, 8, 1), (7, 8, 8, 3)])
def test_samples_of_other_shapes_are_drawn(shape, drawn):
    assert covered(drawn(outcome_charts.draw_samples, example(shape))) == []


def test_tiles_are_in_rows():
    tiles = np.arange(1, 6, dtype=np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1))
    sheet = tile_pixels(tiles.astype(np.uint8))
    np.testing.assert_array_equal(sheet[::3, ::3], [[1, 2, 3], [4, 5, 255]])


def test_legends_of_a_runs_own_figures_lie_over_nothing(tmp_path, monkeypatch):
    figures = []

    def keep(path, save):
        save.__self__.draw_without_rendering()
        figures.append(save.__self__)

    for module in (curves, point_plots):
        monkeypatch.setattr(module, "write_atomically", keep)
    names = [name for columns, _ in CURVES.values() for name in columns]
    rows = [{"step": i, **dict.fromkeys(names, 1.0 + i)} for i in range(3)]
    draw_curves(tmp_path / "curves.png", [rows, rows])
    corners = np.array([[-1.0, -1.0], [1.0, 1.0]])
    for panel, dimension in ((draw_scatter, 2), (draw_histogram, 1)):
        real = corners[:, :dimension]

        def height(x):
            return x[:, 0]

        draw_point_panels(tmp_path / "a.png", panel, real, [real] * 2, [height] * 2)
    assert [len(legends(figure)) for figure in figures] == [3, 2, 2]
    assert [covered(figure) for figure in figures] == [[], [], []]


RIDDLE = re.compile(r"\||_|\bRe\b|\bIm\b|\bh l\b|kernel|array|\bpale\b|SNR|\+-")
"""Signs, names of columns and words that only the code's authors know."""


def words(figure):
    for axis in figure.axes:
        yield from (axis.get_xlabel(), axis.get_ylabel(), axis.get_title())
    for legend in legends(figure):
        yield from (text.get_text() for text in legend.get_texts())


@pytest.mark.parametrize("card", ALL, ids=lambda card: card.anchor)
def test_words_of_a_card_are_plain(card, figures):
    figure = card.draw(FOUND)
    found = [*words(figure), card.title, card.caption, card.make_note(FOUND)]
    rows = card.make_table(FOUND)
    found += rows[0] if rows else []
    found += [row[0] for row in rows[1:] if "/kernel" not in row[0]]
    assert [text for text in found if RIDDLE.search(text)] == []
    assert "Good: " in card.caption and "Bad: " in card.caption
    for axis in figure.axes:
        assert axis.get_xlabel() or axis.get_ylabel() or axis.get_title()


def test_notes_name_the_rates_that_were_measured():
    text = note_on_game({"game": GAME})
    assert "0.001 of G and 0.002 of D, the highest of the schedule" in text
    assert "the last step was made with 1e-06 and 2e-06" in text
    same = GAME | {"last_rate": 1e-3, "last_d_rate": 2e-3}
    assert "those of the last step" in note_on_game({"game": same})
    assert "1e-06 of G and 2e-06 of D" in note_on_decay(FOUND)
    assert note_on_decay(FOUND | {"decayed": False}) == ""


@pytest.mark.parametrize("chart", [charts.draw_flow, charts.draw_updates])
@pytest.mark.parametrize(
    "count, ticks", [(1, [1]), (3, [1, 2, 3]), (12, range(1, 13, 2))]
)
def test_kernels_are_counted_in_whole_numbers(chart, count, ticks, drawn):
    kernel = {"gradient": 0.1, "ratio": 1e-3}
    found = {f"Dense_{i}/kernel": kernel for i in range(count)}
    axis = drawn(chart, {"layers": {"generator": {}, "discriminator": found}}).axes[0]
    np.testing.assert_array_equal(axis.get_xticks(), ticks)


@pytest.mark.parametrize(
    "low, high, scale", [(1.05, 1.6, "linear"), (2.0, 2.0, "linear"), (0.3, 4.0, "log")]
)
def test_norms_within_a_factor_of_2_are_on_a_linear_axis(low, high, scale, drawn):
    norms = {place: [low, high] for place in charts.PLACES}
    axis = drawn(charts.draw_critic, {"critic": {"norms": norms}}).axes[0]
    assert axis.get_xscale() == scale
    boxes = [
        label.get_window_extent()
        for which in ("major", "minor")
        for label in axis.get_xticklabels(which=which)
        if label.get_text()
    ]
    boxes.sort(key=lambda box: box.x0)
    assert all(a.x1 < b.x0 for a, b in zip(boxes, boxes[1:], strict=False))
