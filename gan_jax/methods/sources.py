"""What an entry of METHODS is compared with, and the reasons for other values."""

from typing import Any, NamedTuple

Differences = dict[str, tuple[Any, str]]


class Source(NamedTuple):
    """read: the file or paper that the values were compared with, or UNREAD. differs:
    dotted field of the Config -> (its value in the source, why it is another here)."""

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
    """The batch and the latent of a source that has others."""
    found = {"batch_size": batch, "model.z_dim": z_dim}
    return {name: (value, SIZE) for name, value in found.items() if value is not None}


def both_differ(why: str, **there: Any) -> Differences:
    """Fields of both optimizers."""
    groups = "g_optimizer", "d_optimizer"
    return {f"{g}.{name}": (v, why) for name, v in there.items() for g in groups}
