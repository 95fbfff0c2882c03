"""List what there is to choose from."""

import argparse
import re
from functools import partial

from gan_jax.assembly.unused_fields import used_fields
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config
from gan_jax.config.serialization import flat
from gan_jax.data import DATASETS, PREFIXES
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import EXTRACTORS
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, MINIBATCH, NORMS
from gan_jax.losses import LOSSES
from gan_jax.methods import CATALOGUE, METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.plugins.registries import find_owner

PREFIXED = {"tfds:NAME": PREFIXES["tfds"], "folder:PATH": PREFIXES["folder"]}
OTHERS = {
    "losses": LOSSES,
    "penalties": PENALTIES,
    "generator penalties": GENERATOR_PENALTIES,
    "optimizers": OPTIMIZERS,
    "augmentations": AUGMENTS,
    "dynamics": DYNAMICS,
    "norms": NORMS,
    "minibatch layers": MINIBATCH,
    "activations": ACTIVATIONS,
    "initializers": INITIALIZERS,
    "metrics": METRICS,
    "extractors": EXTRACTORS,
}


def first_sentence(text: str | None) -> str:
    """Up to the first full stop that does not end "al."."""
    return re.split(r"(?<!al)\.\s", (text or "").strip())[0].rstrip(".") + "."


def told(kind: str, name: str) -> str:
    """What is said of an entry that says nothing of itself."""
    return f"Registered by {find_owner(kind, name)}"


def listing(kind: str | None = None) -> str:
    """Return the names of a kind, or methods, data sets, models and other names."""
    if kind is not None:
        kinds = {title.replace(" ", "-"): names for title, names in OTHERS.items()}
        return "\n".join(choose(kinds, kind, "kind"))
    methods = {
        k: CATALOGUE[k].about if k in CATALOGUE else told("method", k) for k in METHODS
    }
    sets = {k: v.__doc__ for k, v in DATASETS.items()}
    sets |= {k: v.__doc__ for k, v in PREFIXED.items()}
    sets = {k: text or told("data set", k) for k, text in sets.items()}
    models = {k: v.__doc__ or told("model", k) for k, v in MODELS.items()}
    lines = []
    for title, texts in (("METHODS", methods), ("DATASETS", sets), ("MODELS", models)):
        lines.append(title)
        lines += [f"  {k:14} {first_sentence(text)}" for k, text in texts.items()]
    lines.append("OTHER NAMES")
    lines += [f"  {title}: {', '.join(names)}" for title, names in OTHERS.items()]
    return "\n".join(lines)


def printed(config: Config) -> str:
    """Every field by its dotted name, those that have no effect marked."""
    read = used_fields(config)
    return "\n".join(
        f"{name} = {value}{'' if name in read else '   (unused)'}"
        for name, value in flat(config).items()
    )


def main(arguments: list[str]) -> int:
    """Run `gan-jax list`, and return its exit code."""
    return catch_user_errors(partial(run_with_flags, arguments))


def run_with_flags(arguments: list[str]) -> None:
    """Read the kind, and print what there is to choose from."""
    parser = argparse.ArgumentParser(
        prog=name_command("list"),
        description=name_commands_in(__doc__),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "kind", nargs="*", help="such as losses, or data sets; without: every kind"
    )
    words = parser.parse_args(arguments).kind
    print(listing("-".join(words).replace(" ", "-") or None))
