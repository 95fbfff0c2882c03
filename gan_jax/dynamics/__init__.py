"""Rules of play: how the two players are updated in one step.

To add a rule, write a function `(gan, state, batch, *, options) -> (state, metrics)`,
and add a line to RULES in the same file. In a file of your own, write
`DYNAMICS["mine"] = Rule(mine)`.
"""

from gan_jax.dynamics import averaging, first_order, second_order
from gan_jax.dynamics.first_order import simultaneous
from gan_jax.dynamics.rule import Rule, as_rule, extra_evaluations
from gan_jax.step import alternating

__all__ = [
    "DYNAMICS",
    "Rule",
    "alternating",
    "as_rule",
    "extra_evaluations",
    "simultaneous",
]

DYNAMICS: dict[str, Rule] = first_order.RULES | second_order.RULES | averaging.RULES
