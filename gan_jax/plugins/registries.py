"""The registries that a plugin adds entries to, and what each plugin has added."""

from pathlib import Path
from typing import Any

from gan_jax.assembly.registry import PLUGINS
from gan_jax.augment import AUGMENTS
from gan_jax.config import Config
from gan_jax.data import DATASETS, PREFIXES, READS, TOYS
from gan_jax.dynamics import DYNAMICS
from gan_jax.evaluate.gan_metrics import PROBES
from gan_jax.evaluate.metric_registry import METRICS
from gan_jax.features import EXTRACTORS
from gan_jax.layers import ACTIVATIONS, INITIALIZERS, NORMS, OUTPUTS
from gan_jax.layers.minibatch import MINIBATCH
from gan_jax.losses import LOSSES
from gan_jax.methods import METHODS
from gan_jax.models import MODELS
from gan_jax.optimizers import OPTIMIZERS, SCHEDULES
from gan_jax.penalties import GENERATOR_PENALTIES, PENALTIES
from gan_jax.running_statistics import RUNNING
from gan_jax.types import Loss

FUNCTIONS: dict[str, dict[str, Any]] = {
    "penalty": PENALTIES,
    "generator penalty": GENERATOR_PENALTIES,
    "model": MODELS,
    "augmentation": AUGMENTS,
    "rule of play": DYNAMICS,
    "data set": DATASETS,
    "data set prefix": PREFIXES,
    "toy": TOYS,
    "metric": METRICS,
    "probe": PROBES,
    "extractor": EXTRACTORS,
    "optimizer": OPTIMIZERS,
    "schedule": SCHEDULES,
    "norm": NORMS,
    "minibatch layer": MINIBATCH,
    "activation": ACTIVATIONS,
    "initializer": INITIALIZERS,
    "output": OUTPUTS,
    "running statistic": RUNNING,
}
"""The registries of functions, by the kind of their entries."""
VALUES: dict[str, tuple[dict[str, Any], type]] = {
    "method": (METHODS, Config),
    "loss": (LOSSES, Loss),
    "fields of a data set": (READS, tuple),
}
"""The registries of other things, with the type of their entries."""
REGISTRIES = FUNCTIONS | {kind: registry for kind, (registry, _) in VALUES.items()}
Snapshot = dict[str, dict[str, Any]]


def snapshot() -> Snapshot:
    """Return copies of all registries, and of the table of plugins."""
    return {kind: dict(r) for kind, r in (REGISTRIES | {"plugin": PLUGINS}).items()}


def restore(before: Snapshot) -> None:
    """Give all registries the entries that `snapshot` copied."""
    for kind, registry in (REGISTRIES | {"plugin": PLUGINS}).items():
        registry.clear()
        registry.update(before[kind])


def unregister(name: str) -> None:
    """Remove the entries that an earlier version of a file has registered."""
    if name in PLUGINS:
        for kind, entry in PLUGINS.pop(name).names:
            REGISTRIES[kind].pop(entry, None)


def find_added(path: Path, before: Snapshot) -> tuple[tuple[str, str], ...]:
    """Return the kind and the name of each entry that a plugin has added.

    Raises ValueError for an entry that was changed or removed, and for one that is not
    what its kind requires.
    """
    added = []
    for kind, registry in REGISTRIES.items():
        for name, old in before[kind].items():
            if name not in registry or registry[name] is not old:
                raise ValueError(
                    f"plugin {path}: changes the {kind} {name!r}, which "
                    f"{find_owner(kind, name)} has registered; choose another name"
                )
        for name in registry.keys() - before[kind].keys():
            require_type(path, kind, name, registry[name])
            added.append((kind, name))
    return tuple(sorted(added))


def find_owner(kind: str, name: str) -> str:
    """Return who has registered an entry: the path of a plugin, else the package."""
    found = [p.path for p in PLUGINS.values() if (kind, name) in p.names]
    return found[0] if found else "gan_jax or this program"


def require_type(path: Path, kind: str, name: Any, value: Any) -> None:
    """Raise ValueError for an entry that is not of its registry's type."""
    if not isinstance(name, str):
        raise ValueError(f"plugin {path}: the {kind} {name!r}: its name must be a text")
    expected = VALUES[kind][1] if kind in VALUES else None
    right = callable(value) if expected is None else isinstance(value, expected)
    if not right:
        article = "a function" if expected is None else f"a {expected.__name__}"
        raise ValueError(
            f"plugin {path}: the {kind} {name!r} must be {article}, "
            f"got {value!r:.100}; see docs/plugins.md"
        )
