"""A rule of play: how the two players are updated in one step, and what that needs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gan_jax.config import Config, DynamicsConfig
from gan_jax.gan import Dynamics, Memory


def refuse_nothing(config: Config) -> None:
    return None


@dataclass(frozen=True)
class Rule:
    """Everything about a rule of play, in one place.

    A rule is called as its `step` is.

    step: `(gan, state, batch, **options) -> (state, metrics)`. Its keyword-only
        arguments are the fields of the config's `dynamics` group that it reads;
        `base` is the rule of that name, and `eta` is G's learning rate.
    memory: The entries of `state.aux` that it reads and writes.
    updates: How many updates each player's optimizer makes in one joint move.
    evaluations: How many evaluations of one player's gradient a step needs beyond plain
        play. A product with the game's Jacobian counts as two.
    evaluations_per_k: Further evaluations for each unit of the option `k`.
    joint: Whether both players move from the same point. If not, `g_first` is read.
    reach: The largest stable learning rate in a game without rotation, divided by that
        of plain descent.
    period: In a linear game, this many steps together are the same linear map each
        time.
    refuses: `Config -> message`: why the rule cannot play with these choices; None if
        it can.
    """

    step: Dynamics
    memory: tuple[Memory, ...] = ()
    updates: int = 1
    evaluations: int = 0
    evaluations_per_k: int = 0
    joint: bool = True
    reach: float = 1.0
    period: int = 1
    refuses: Callable[[Config], str | None] = refuse_nothing

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        return self.step(*arguments, **options)

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.step.__doc__)

    @property
    def is_plain(self) -> bool:
        """Whether the players just descend their gradients, in turn or at once."""
        extra = self.evaluations or self.evaluations_per_k
        return not (self.memory or extra or self.updates > 1)


def as_rule(entry: Dynamics | Rule) -> Rule:
    """Return an entry of DYNAMICS as a Rule.

    A plain function becomes a Rule with the default facts.
    """
    return entry if isinstance(entry, Rule) else Rule(entry)


def extra_evaluations(rule: Rule, group: DynamicsConfig) -> int:
    """Return how many gradient evaluations a step has beyond those of plain play."""
    defaults = getattr(rule.step, "__kwdefaults__", None) or {}
    k = defaults.get("k", 0) if group.k is None else group.k
    return rule.evaluations + rule.evaluations_per_k * k
