"""Array conventions and the small types every module shares.

Images are `[B, H, W, C]` float32 in [-1, 1], points `[B, 2]` float32, latents `[B, Z]`,
logits `[B]` float32 (higher = more real), keys typed `jax.random.key` arrays.
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
"""D as a function of its input alone: closes over params, labels, frozen statistics."""


class Pullbacks(NamedTuple):
    """Maps of D's gradients, for reals and for fakes.

    Each takes the gradient with respect to the packs as D sees them, `[B, ...]`, and
    gives the gradient with respect to the images before augmentation, packed likewise.
    """

    real: Callable[[Array], Array]
    fake: Callable[[Array], Array]


class Loss(NamedTuple):
    """A pair of functions `(real_logits [B], fake_logits [B]) -> [B]`, to be minimized.

    `correct` is what the logged accuracies are the means of: which reals and which
    fakes D tells right, `(real_logits, fake_logits) -> ([B], [B])` of booleans. None:
    a real above `boundary` and a fake below it, for a loss that says where 0 is.
    `zero_sum` says that G's loss is minus D's, up to a function of the real logits
    (`gan_jax.losses.is_zero_sum`).
    """

    discriminator: Callable[..., Array]
    generator: Callable[..., Array]
    boundary: float = 0.0
    zero_sum: bool = False
    correct: Callable[..., tuple[Array, Array]] | None = None

    def judged(self, real: Array, fake: Array) -> tuple[Array, Array]:
        """Which reals and which fakes D tells right, `[B]` each."""
        if self.correct is not None:
            return self.correct(real, fake)
        return real > self.boundary, fake < self.boundary


class Penalty(Protocol):
    """A term of D's objective, `-> [B]`, nonnegative, unweighted, one per example."""

    def __call__(
        self, critic: Critic, real: Array, fake: Array, keys: Array, /
    ) -> Array: ...


class GeneratorPenalty(Protocol):
    """A term of G's objective, `-> [B]`, unweighted, one per example."""

    def __call__(
        self, generator: Callable[[Array], Array], z: Array, keys: Array, /
    ) -> Array: ...


class Augment(Protocol):
    """A differentiable change of everything D sees, real and fake alike."""

    def __call__(self, images: Array, keys: Array, /) -> Array: ...


class Batch(NamedTuple):
    """Data for one step: leading axes `[d_steps, B, ...]`, also when d_steps is 1.

    label: int32 `[d_steps, B]`, read by conditional networks only.
    """

    image: Array
    label: Array | None = None


@struct.dataclass
class NetState:
    """One player: its parameters, its other variables, its optimizer's memory."""

    params: Any
    model_state: Any
    opt_state: Any


@struct.dataclass
class TrainState:
    """Everything a run needs to go on.

    step: generator updates so far, int32 scalar.
    key: root of all randomness; never changes (step t uses `fold_in(key, t)`).
    ema: G's variables (params, batch statistics), averaged; pass to `generator.apply`.
    aux: memory of stateful methods; empty when there are none.
    scales: traced multipliers `penalty`, `g_lr`, `d_lr` (all 1.0), so that a grid over
        them is one vmap and no recompilation.
    """

    step: Array
    key: Array
    generator: NetState
    discriminator: NetState
    ema: Any
    aux: dict[str, Any]
    scales: dict[str, Array]
