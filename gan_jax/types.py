"""The conventions for arrays, and the small types that all modules share.

Images are `[B, H, W, C]` float32 in [-1, 1], points `[B, 2]` float32, latents
`[B, z_dim]`, and logits `[B]` float32, where higher means more real. Keys are typed:
`jax.random.key`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
from flax import struct

Array = jax.Array
Metrics = dict[str, Array]
Row = dict[str, Any]
"""A line of `metrics.jsonl`: values by name."""

Critic = Callable[[Array], Array]
"""D as a function of its input alone, with its parameters, its labels and its
statistics held fixed."""


class Pullbacks(NamedTuple):
    """Maps of D's gradients through the augmentation, for reals and for fakes.

    Each takes the gradient with respect to the packs that D sees, `[B, ...]`, and
    returns the gradient with respect to the images before the augmentation, packed the
    same way.
    """

    real: Callable[[Array], Array]
    fake: Callable[[Array], Array]


class Loss(NamedTuple):
    """A pair of losses to be minimized, `(real_logits [B], fake_logits [B]) -> [B]`.

    discriminator, generator: The two losses.
    boundary: The logit between real and fake, for a loss that has one.
    zero_sum: Whether G's loss is minus D's, up to a function of the real logits
        (`gan_jax.losses.is_zero_sum`).
    correct: `(real_logits, fake_logits) -> ([B], [B])` of booleans: which reals and
        which fakes D classifies correctly. The logged accuracies are their means.
        None: a real is correct above `boundary`, a fake below it.
    """

    discriminator: Callable[..., Array]
    generator: Callable[..., Array]
    boundary: float = 0.0
    zero_sum: bool = False
    correct: Callable[..., tuple[Array, Array]] | None = None

    def are_correct(self, real: Array, fake: Array) -> tuple[Array, Array]:
        """Return which reals and which fakes D classifies correctly, `[B]` each."""
        if self.correct is not None:
            return self.correct(real, fake)
        return real > self.boundary, fake < self.boundary


class Penalty(Protocol):
    """A term of D's objective: `[B]`, nonnegative, unweighted, one per example."""

    def __call__(
        self, critic: Critic, real: Array, fake: Array, keys: Array, /
    ) -> Array: ...


class GeneratorPenalty(Protocol):
    """A term of G's objective: `[B]`, unweighted, one per example."""

    def __call__(
        self, generator: Callable[[Array], Array], z: Array, keys: Array, /
    ) -> Array: ...


class Augment(Protocol):
    """A differentiable change of everything that D sees, reals and fakes alike."""

    def __call__(self, images: Array, keys: Array, /) -> Array: ...


class Batch(NamedTuple):
    """The data of one step.

    image: Examples with the leading axes `[d_steps, B]`: one batch for each update of
        D. The first axis is there even if its length is 1.
    label: Classes, int32 `[d_steps, B]`; only conditional networks read them.
    """

    image: Array
    label: Array | None = None


@struct.dataclass
class NetState:
    """One player: its parameters, its other variables, and its optimizer's memory."""

    params: Any
    model_state: Any
    opt_state: Any


@struct.dataclass
class TrainState:
    """Everything that a run needs to continue.

    step: The number of updates that G has made, an int32 scalar.
    key: The root of all randomness; it never changes. Step t uses `fold_in(key, t)`.
    generator, discriminator: The two players.
    ema: The average of G's variables (parameters and batch statistics), to be given to
        `generator.apply`.
    aux: What stateful methods remember; empty if there are none.
    scales: The multipliers `penalty`, `g_lr` and `d_lr`. All are 1.0 unless a sweep
        sets them. They are traced, so that a grid over them is one vmap without
        recompilation.
    """

    step: Array
    key: Array
    generator: NetState
    discriminator: NetState
    ema: Any
    aux: dict[str, Any]
    scales: dict[str, Array]
