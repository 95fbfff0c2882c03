"""What goes together in a Config, and which fields its choices read."""

import dataclasses
import math
import os

import jax.numpy as jnp

from gan_jax.assembly.registry import choose, options
from gan_jax.augment import AUGMENTS, IMAGES_ONLY, PROBABILITIES
from gan_jax.config import Config, DynamicsConfig
from gan_jax.data import DATASETS, PREFIXES, Dataset, Spec
from gan_jax.dynamics import DYNAMICS, Rule, as_rule
from gan_jax.layers import BATCH_COUPLED, MINIBATCH, NORMS
from gan_jax.layers.basic import no_minibatch_layer
from gan_jax.layers.minibatch import GROUP, minibatch_stddev
from gan_jax.losses import LOSSES
from gan_jax.penalties import PENALTIES


def resolve(config: Config, spec: Spec) -> Config:
    """The Config with the choices made that depend on the data's shape."""
    image = len(spec.shape) == 3
    name, output = config.model.name, config.model.output
    if name is None:
        name = "resize" if image else "mlp"
    if output is None:
        output = "tanh" if image else "linear"
    model = dataclasses.replace(config.model, name=name, output=output)
    penalty = config.penalty
    reads = options(choose(PENALTIES, penalty.name, "penalty.name"))
    if "transform" in reads and penalty.transform is None:
        transform = "shift_flip" if image else "instance_noise"
        penalty = dataclasses.replace(penalty, transform=transform)
    return dataclasses.replace(config, model=model, penalty=penalty)


def dataset(config: Config) -> Dataset:
    """The data set a Config names; reads no pixels."""
    prefix, colon, rest = config.dataset.name.partition(":")
    if colon and prefix in PREFIXES:
        return PREFIXES[prefix](rest, config.dataset)
    if config.dataset.name not in DATASETS:
        refuse_bare_path(config.dataset.name)
    return choose(DATASETS, config.dataset.name, "dataset.name")(config.dataset)


def refuse_bare_path(name: str) -> None:
    """A ValueError for a path in the place of a data set's name."""
    looks_so = name.startswith(("~", ".")) or "/" in name or "\\" in name
    there = os.path.isdir(os.path.expanduser(name))
    if there:
        raise ValueError(
            f"dataset.name {name!r:.200}: is a folder; write {'folder:' + name!r:.200}"
        )
    if looks_so:
        raise ValueError(
            f"dataset.name {name!r:.200}: is no data set, and there is no such folder; "
            "for a folder of pictures write folder:PATH"
        )


def require_enough(config: Config, data: Dataset) -> None:
    """A ValueError for a step that takes more examples than the data set has."""
    per_step = config.batch_size * config.d_steps
    if per_step > len(data):
        unit = math.lcm(config.microbatches, config.model.pack)
        most = len(data) // config.d_steps // unit * unit
        remedy = f"set --batch-size {most}" if most else "lower d_steps"
        raise ValueError(
            f"batch_size {config.batch_size} x d_steps {config.d_steps} = {per_step} "
            f"exceeds the {len(data)} examples of {config.dataset.name!r}; {remedy}"
        )


def refuse_mismatches(config: Config, spec: Spec) -> None:
    """ValueErrors for choices that cannot go together."""
    if config.seed + config.seeds > 2**32:
        raise ValueError(
            f"seeds {config.seeds}: from seed {config.seed} they pass 2^32; lower one"
        )
    norm = choose(NORMS, config.model.d_norm, "model.d_norm")
    if config.penalty.name != "none" and norm in BATCH_COUPLED:
        raise ValueError(
            f"model.d_norm {config.model.d_norm!r} with penalty.name "
            f"{config.penalty.name!r}: a critic penalty needs a D that treats examples "
            "independently; use model.d_norm layer, group, instance or none"
        )
    coupled = couples(config) and not config.penalty.coupled
    if config.penalty.name != "none" and coupled:
        raise ValueError(
            f"model.d_minibatch {config.model.d_minibatch!r} with penalty.name "
            f"{config.penalty.name!r}: the penalty would take the gradient of a sum "
            "over examples; use none, or set penalty.coupled if that is meant"
        )
    if config.microbatches > 1:
        refuse_microbatches(config)
    if config.model.pack > 1:
        refuse_packing(config)
    if (message := rule_of(config.dynamics).refuses(config)) is not None:
        raise ValueError(message)
    refuse_schedules(config)
    image = len(spec.shape) == 3
    if not image and config.model.output != "linear":
        raise ValueError(
            f"model.output {config.model.output!r} cannot make points outside "
            "[-1, 1]; use model.output linear"
        )
    refuse_augment(config, image)
    refuse_groups(config)
    reads = options(choose(PENALTIES, config.penalty.name, "penalty.name"))
    if config.dataset.labels and "generator" in reads:
        raise ValueError(
            f"penalty.name {config.penalty.name!r} with dataset.labels: its latents "
            "have no labels; leave labels out, or use another penalty"
        )
    if config.dataset.labels and spec.label_count is None:
        raise ValueError(
            f"dataset.labels: {config.dataset.name!r} has no labels; leave it out"
        )


def couples(config: Config) -> bool:
    """Whether D has a layer by which its examples see each other."""
    name = config.model.d_minibatch
    return choose(MINIBATCH, name, "model.d_minibatch") is not no_minibatch_layer


def refuse_groups(config: Config) -> None:
    """A ValueError for a batch that a minibatch layer of D cannot group."""
    name, count = config.model.d_minibatch, config.batch_size // config.model.pack
    layer = choose(MINIBATCH, name, "model.d_minibatch")
    if layer is minibatch_stddev and count % min(GROUP, count):
        raise ValueError(
            f"batch_size {config.batch_size} with model.d_minibatch {name!r}: D sees "
            f"{count} at once, which groups of {GROUP} do not divide; change it, or "
            "use discrimination"
        )


def refuse_augment(config: Config, image: bool) -> None:
    """A ValueError for an augmentation of the wrong data, or with no probability."""
    chosen = {"augment.name": config.augment.name}
    if config.penalty.transform is not None:
        chosen["penalty.transform"] = config.penalty.transform
    for field, name in chosen.items():
        if choose(AUGMENTS, name, field) in IMAGES_ONLY and not image:
            raise ValueError(
                f"{field} {name!r} needs images; the data are points: use none or "
                "instance_noise"
            )
    name, strength = config.augment.name, config.augment.strength
    augment = choose(AUGMENTS, name, "augment.name")
    if augment in PROBABILITIES and strength is not None and strength > 1:
        raise ValueError(
            f"augment.strength {strength}: is {name}'s probability, at most 1"
        )


def refuse_microbatches(config: Config) -> None:
    """A ValueError for what looks at the whole batch, or for unequal parts."""
    loss = choose(LOSSES, config.loss.name, "loss.name")
    penalty = choose(PENALTIES, config.penalty.name, "penalty.name")
    players = "g_norm", "d_norm"
    norms = {f"model.{name}": getattr(config.model, name) for name in players}
    culprits = {
        name: norm
        for name, norm in norms.items()
        if choose(NORMS, norm, name) in BATCH_COUPLED
    }
    if couples(config):
        culprits["model.d_minibatch"] = config.model.d_minibatch
    if "mean" in options(loss.discriminator) | options(loss.generator):
        culprits["loss.name"] = config.loss.name
    if "mean" in options(penalty):
        culprits["penalty.name"] = config.penalty.name
    if config.loss.top_k is not None:
        culprits["loss.top_k"] = config.loss.top_k
    if config.model.pack > 1:
        culprits["model.pack"] = config.model.pack
    for field, value in culprits.items():
        raise ValueError(
            f"microbatches {config.microbatches} with {field} {value!r}: needs "
            "statistics of the whole batch; leave microbatches out, or change that"
        )
    if config.batch_size % config.microbatches:
        raise ValueError(
            f"microbatches {config.microbatches}: does not divide batch_size "
            f"{config.batch_size}"
        )


def refuse_packing(config: Config) -> None:
    """A ValueError for what cannot be packed."""
    pack = f"model.pack {config.model.pack}"
    if config.batch_size % config.model.pack:
        raise ValueError(
            f"{pack}: does not divide batch_size {config.batch_size}; change one"
        )
    if config.dataset.labels:
        raise ValueError(
            f"{pack} with dataset.labels: a pack has no one label; leave one out"
        )
    penalty = choose(PENALTIES, config.penalty.name, "penalty.name")
    if "generator" in options(penalty):
        raise ValueError(
            f"{pack} with penalty.name {config.penalty.name!r}: makes single fakes, "
            "and D judges packs; use another penalty"
        )


def rule_of(group: DynamicsConfig) -> Rule:
    """The rule of play that is chosen."""
    return as_rule(choose(DYNAMICS, group.name, "dynamics.name"))


def moving_rule(group: DynamicsConfig) -> Rule:
    """The rule that updates the players: the chosen one, or the base that it names."""
    rule = rule_of(group)
    if group.base is None or "base" not in options(rule.step):
        return rule
    return as_rule(DYNAMICS[group.base])


def adapts(config: Config) -> bool:
    """Whether the strength of the augmentation follows D."""
    augment = choose(AUGMENTS, config.augment.name, "augment.name")
    return config.augment.schedule == "adaptive" and "strength" in options(augment)


def differentiates_augment(config: Config) -> bool:
    """Whether there is an augmentation that the critic penalty can act through."""
    penalty = choose(PENALTIES, config.penalty.name, "penalty.name")
    return config.augment.name != "none" and "pullbacks" in options(penalty)


def refuse_schedules(config: Config) -> None:
    """A ValueError for an adaptive strength that has nothing to go by."""
    if not adapts(config):
        return
    loss = choose(LOSSES, config.loss.name, "loss.name")
    low, high = jnp.zeros(2), jnp.full(2, 3.0)
    shift = loss.discriminator(high, high) - loss.discriminator(low, low)
    if loss.boundary != 0 or not shift.any():
        raise ValueError(
            f"augment.schedule 'adaptive' with loss.name {config.loss.name!r}: the "
            "sign of D's logits says nothing there; use non_saturating or hinge"
        )
