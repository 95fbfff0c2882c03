"""The form of DEVIATIONS: sources of methods, and reasons for other values."""

from typing import Any, NamedTuple

Differences = dict[str, tuple[Any, str]]
"""Fields of a Config with their value in a source and the reason for another."""


class Source(NamedTuple):
    """The source that a method is compared with.

    read: the file or paper that the values were compared with, or UNREAD. differs: for
    each dotted field of the Config with another value, (its value in the source, why it
    is another here).
    """

    read: str
    differs: Differences = {}


UNREAD = "not checked"
SIZE = "one size for all methods, for a fair comparison"
D_STEPS = "one D step, for a fair comparison"
DCGAN = "that of DCGAN"
SN_GAN = "that of SNGAN"
LOSS = "the plain GAN's loss"
ALONE = "the part alone, without the source's other stabilizers"
D_ALONE = "D alone is normalized, as in SNGAN"
UNSAID = "the source does not say"
OURS = "chosen here"


def sizes_differ(batch: int | None = None, z_dim: int | None = None) -> Differences:
    """Return the batch size and the latent size of a source that has others."""
    values = {"batch_size": batch, "model.z_dim": z_dim}
    return {name: (value, SIZE) for name, value in values.items() if value is not None}


def both_differ(why: str, **there: Any) -> Differences:
    """Return fields of both optimizers whose value in the source is another."""
    groups = "g_optimizer", "d_optimizer"
    return {f"{g}.{name}": (v, why) for name, v in there.items() for g in groups}
