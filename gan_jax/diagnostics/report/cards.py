"""The cards of the page: a chart each, its caption, and the table and note below it.

`page` draws them in this order. The caption says what the chart shows, and what good
and bad look like.
"""

from collections.abc import Callable
from typing import NamedTuple

from gan_jax.diagnostics.report import charts, game_chart, outcome_charts
from gan_jax.diagnostics.report.diagnosed_run import Diagnosis
from gan_jax.diagnostics.report.tables import (
    duality_table,
    eigenvalue_table,
    gap_table,
    kernel_table,
    layer_table,
    motion_table,
    note_on_decay,
    note_on_game,
    quantile_table,
)


class Card(NamedTuple):
    """A chart of the page with the text around it.

    anchor: the id of its HTML element. section: the section of the diagnosis that it
    needs. draw: returns the chart as PNG bytes. caption: what the chart shows, and what
    good and bad look like. make_table: returns its numbers below a row of heads; empty
    for no table. make_note: returns what a reader has to know about the chart of this
    run; empty for no note.
    """

    title: str
    anchor: str
    section: str
    draw: Callable[[Diagnosis], bytes]
    caption: str
    make_table: Callable[[Diagnosis], list[list[str]]] = lambda diagnosis: []
    make_note: Callable[[Diagnosis], str] = lambda diagnosis: ""


OUTCOME_CARDS = (
    Card(
        "Samples beside real data",
        "samples",
        "samples",
        outcome_charts.draw_samples,
        "Real examples, and what the generator makes at the end of the run. Good: you "
        "cannot tell which is which, and every kind of real example occurs. Bad: "
        "noise, blobs, the same few examples again and again, or kinds that are "
        "missing.",
    ),
    Card(
        "Losses and logits over time",
        "losses",
        "losses",
        outcome_charts.draw_losses,
        "The losses of both players (without penalties), and the mean logit that D "
        "gives to real and to generated examples. Good: all lines settle. Bad: lines "
        "that run away, swing ever wider, or logits that drift ever further apart. "
        "Losses do not measure the samples: look at those first.",
    ),
)
"""The cards before the verdict: what the run has come to."""
INSTRUMENT_CARDS = (
    Card(
        "Gradients over time",
        "course",
        "course",
        charts.draw_course,
        "The size of each layer's gradient during the run. Good: lines within a factor "
        "of 100 of each other. Bad: a first layer far below the last one (gradients "
        "vanish on their way), or far above it (they explode).",
    ),
    Card(
        "Gradients by depth",
        "flow",
        "layers",
        charts.draw_flow,
        "The size of each layer's gradient at the end, from the first layer to the "
        "last. Good: a level curve. Bad: a curve that climbs or falls by a factor "
        "of over 10,000, which speaks for another normalization, initialization or "
        "activation.",
    ),
    Card(
        "How much a step changes",
        "updates",
        "layers",
        charts.draw_updates,
        "The size of the next update of each layer over that of its weights. Good: "
        "about 0.001, in the green band. Bad: over 0.1 (a step destroys what was "
        "learned), or below 0.000001 (the layer stands still).",
        layer_table,
        note_on_decay,
    ),
    Card(
        "Units that are never on",
        "units",
        "units",
        charts.draw_units,
        "The share of each layer's units whose output is not positive for any example "
        "of a batch. Good: low bars. Bad: over half; such units learn nothing with "
        "ReLU, and act linearly with a leaky ReLU.",
    ),
    Card(
        "Singular values of the weights",
        "spectra",
        "kernels",
        charts.draw_spectra,
        "How strongly each layer stretches its inputs, direction by direction, from "
        "the strongest to the weakest. Good: lines that fall gently. Bad: a cliff "
        "towards zero (the layer uses few directions), or largest values in D that "
        "keep growing the longer you train.",
        kernel_table,
    ),
    Card(
        "What D tells G",
        "critic",
        "critic",
        charts.draw_critic,
        "How steep D is at real examples, at generated ones and between them: G learns "
        "from this slope. Good: the three overlap. Bad: generated examples far to the "
        "right of real ones (G is thrown about), or all at nearly 0 (G learns "
        "nothing).",
        quantile_table,
    ),
    Card(
        "Does D know its examples by heart?",
        "overfitting",
        "overfitting",
        charts.draw_overfitting,
        "D's logits of real examples from the training, and of real examples that it "
        "has never seen. Good: the two coincide. Bad: the training's lie over one "
        "standard deviation to the right, which is overfitting.",
        gap_table,
    ),
    Card(
        "Does a step make the players settle?",
        "game",
        "game",
        game_chart.draw_game,
        "Each mark is an eigenvalue of the game times the learning rate: a pattern in "
        "both players' parameters, and how it grows (decays, if below 0) and rotates "
        "in one step. Good: marks in the green disc or close to 0. Bad: growth over "
        "0.1 (the players drive each other away), marks left of the disc (steps "
        "overshoot), or marks far above and below the middle (the players circle).",
        eigenvalue_table,
        note_on_game,
    ),
    Card(
        "The way from start to end",
        "path",
        "path",
        charts.draw_path,
        "Both players' direction of descent on the line from the start of the run "
        "through its end: a cosine of 1 points along the line, -1 back. Good: it falls "
        "from 1 to -1 at the end (1), which therefore attracts. Bad: a bump there, "
        "which says that the players circle around the end.",
    ),
    Card(
        "Do updates agree?",
        "motion",
        "motion",
        charts.draw_motion,
        "The cosine of each update with the next, in fresh steps from the end. Good: "
        "around 0 or above. Bad: in the red band, where each step undoes the one "
        "before. In the table, a last generator that is much further from the data "
        "than its average is circling.",
        motion_table,
        note_on_decay,
    ),
    Card(
        "What the players could still gain",
        "duality",
        "duality",
        charts.draw_duality,
        "The value of the game as it is, and after a few steps in which one player "
        "improves alone. Good: three bars of one length. Bad: bars far apart, since a "
        "player can still gain much. Any point of rest looks good here.",
        duality_table,
    ),
)
"""The cards after the verdict: what each instrument measured."""
