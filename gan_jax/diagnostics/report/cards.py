"""The charts of a diagnosis: what each shows, and how it is read."""

from collections.abc import Callable
from typing import NamedTuple

from gan_jax.diagnostics.report import charts, game_chart, outcome_charts
from gan_jax.diagnostics.report.card_tables import (
    Numbers,
    decay_note,
    duality_table,
    game_note,
    game_table,
    gap_table,
    kernel_table,
    layer_table,
    motion_table,
    quantile_table,
)


class Card(NamedTuple):
    """A chart of the page.

    shows: what it shows, and what good and bad look like. table: its numbers, a row of
    heads first; none: there are none. note: what has to be known about this run's.
    """

    title: str
    section: str
    draw: Callable[[Numbers], bytes]
    shows: str
    table: Callable[[Numbers], list[list[str]]] = lambda found: []
    note: Callable[[Numbers], str] = lambda found: ""


OUTCOME = (
    Card(
        "Samples beside real data",
        "samples",
        outcome_charts.samples,
        "Real examples, and what the generator makes at the end of the run. Good: you "
        "cannot tell which is which, and every kind of real example occurs. Bad: "
        "noise, blobs, the same few examples again and again, or kinds that are "
        "missing.",
    ),
    Card(
        "Losses and logits over time",
        "losses",
        outcome_charts.losses,
        "The losses of both players (without penalties), and the mean logit that D "
        "gives to real and to generated examples. Good: all lines settle. Bad: lines "
        "that run away, swing ever wider, or logits that drift ever further apart. "
        "Losses do not measure the samples: look at those first.",
    ),
)
"""What is shown before the verdict."""
CARDS = (
    Card(
        "Gradients over time",
        "course",
        charts.course,
        "The size of each layer's gradient during the run. Good: lines within a factor "
        "of 100 of each other. Bad: a first layer far below the last one (gradients "
        "vanish on their way), or far above it (they explode).",
    ),
    Card(
        "Gradients by depth",
        "layers",
        charts.flow,
        "The size of each layer's gradient at the end, from the first layer to the "
        "last. Good: a level curve. Bad: a curve that climbs or falls by a factor "
        "of over 10,000, which speaks for another normalization, initialization or "
        "activation.",
    ),
    Card(
        "How much a step changes",
        "layers",
        charts.updates,
        "The size of the next update of each layer over that of its weights. Good: "
        "about 0.001, in the green band. Bad: over 0.1 (a step destroys what was "
        "learned), or below 0.000001 (the layer stands still).",
        layer_table,
        decay_note,
    ),
    Card(
        "Units that are never on",
        "units",
        charts.units,
        "The share of each layer's units whose output is not positive for any example "
        "of a batch. Good: low bars. Bad: over half; such units learn nothing with "
        "ReLU, and act linearly with a leaky ReLU.",
    ),
    Card(
        "Singular values of the weights",
        "kernels",
        charts.spectra,
        "How strongly each layer stretches its inputs, direction by direction, from "
        "the strongest to the weakest. Good: lines that fall gently. Bad: a cliff "
        "towards zero (the layer uses few directions), or largest values in D that "
        "keep growing the longer you train.",
        kernel_table,
    ),
    Card(
        "What D tells G",
        "critic",
        charts.critic,
        "How steep D is at real examples, at generated ones and between them: G learns "
        "from this slope. Good: the three overlap. Bad: generated examples far to the "
        "right of real ones (G is thrown about), or all at nearly 0 (G learns "
        "nothing).",
        quantile_table,
    ),
    Card(
        "Does D know its examples by heart?",
        "overfitting",
        charts.overfitting,
        "D's logits of real examples from the training, and of real examples that it "
        "has never seen. Good: the two coincide. Bad: the training's lie over one "
        "standard deviation to the right, which is overfitting.",
        gap_table,
    ),
    Card(
        "Does a step make the players settle?",
        "game",
        game_chart.game,
        "Each mark is an eigenvalue of the game times the learning rate: a pattern in "
        "both players' parameters, and how it grows (decays, if below 0) and rotates "
        "in one step. Good: marks in the green disc or close to 0. Bad: growth over "
        "0.1 (the players drive each other away), marks left of the disc (steps "
        "overshoot), or marks far above and below the middle (the players circle).",
        game_table,
        game_note,
    ),
    Card(
        "The way from start to end",
        "path",
        charts.path,
        "Both players' direction of descent on the line from the start of the run "
        "through its end: a cosine of 1 points along the line, -1 back. Good: it falls "
        "from 1 to -1 at the end (1), which therefore attracts. Bad: a bump there, "
        "which says that the players circle around the end.",
    ),
    Card(
        "Do updates agree?",
        "motion",
        charts.motion,
        "The cosine of each update with the next, in fresh steps from the end. Good: "
        "around 0 or above. Bad: in the red band, where each step undoes the one "
        "before. In the table, a last generator that is much further from the data "
        "than its average is circling.",
        motion_table,
        decay_note,
    ),
    Card(
        "What the players could still gain",
        "duality",
        charts.duality,
        "The value of the game as it is, and after a few steps in which one player "
        "improves alone. Good: three bars of one length. Bad: bars far apart, since a "
        "player can still gain much. Any point of rest looks good here.",
        duality_table,
    ),
)
"""The instruments."""
