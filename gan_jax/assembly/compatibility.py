"""Which choices go together. What does not is refused before any work begins.

Each check maps the choices and the shape of the data to a message that says what does
not go together and what to do, or to None.
"""

from collections.abc import Callable

import jax.numpy as jnp

from gan_jax.assembly.choices import Choices
from gan_jax.assembly.registry import bind, options
from gan_jax.config.serialization import flat
from gan_jax.data import Spec
from gan_jax.layers import BATCH_COUPLED, GROUP_SIZES

Check = Callable[[Choices, Spec], str | None]


def refuse_mismatches(choices: Choices, spec: Spec) -> None:
    """Raise a ValueError for choices that cannot go together."""
    for check in CHECKS:
        if (message := check(choices, spec)) is not None:
            raise ValueError(message)


def check_seeds(choices: Choices, spec: Spec) -> str | None:
    """A seed is an unsigned integer of 32 bits."""
    config = choices.config
    if config.seed + config.seeds <= 2**32:
        return None
    return f"seeds {config.seeds}: from seed {config.seed} they pass 2^32; lower one"


def check_penalty_and_norm(choices: Choices, spec: Spec) -> str | None:
    """A critic penalty needs a D that treats examples independently."""
    config = choices.config
    if not choices.is_penalized or choices.d_norm not in BATCH_COUPLED:
        return None
    return (
        f"model.d_norm {config.model.d_norm!r} with penalty.name "
        f"{config.penalty.name!r}: a critic penalty needs a D that treats examples "
        "independently; use model.d_norm layer, group, instance or none"
    )


def check_penalty_and_minibatch(choices: Choices, spec: Spec) -> str | None:
    """A penalty of a D that couples its examples needs consent."""
    config = choices.config
    coupled = choices.couples_examples and not config.penalty.coupled
    if not (choices.is_penalized and coupled):
        return None
    return (
        f"model.d_minibatch {config.model.d_minibatch!r} with penalty.name "
        f"{config.penalty.name!r}: the penalty would take the gradient of a sum "
        "over examples; use none, or set penalty.coupled if that is meant"
    )


def check_microbatches(choices: Choices, spec: Spec) -> str | None:
    """Microbatches have equal parts, and nothing may look at the whole batch."""
    config = choices.config
    if config.microbatches == 1:
        return None
    if fields := fields_of_whole_batch(choices):
        value = flat(config)[fields[0]]
        return (
            f"microbatches {config.microbatches} with {fields[0]} {value!r}: needs "
            "statistics of the whole batch; leave microbatches out, or change that"
        )
    if config.batch_size % config.microbatches:
        return (
            f"microbatches {config.microbatches}: does not divide batch_size "
            f"{config.batch_size}"
        )
    return None


def fields_of_whole_batch(choices: Choices) -> list[str]:
    """Return the fields whose choices need statistics of the whole batch."""
    config, loss = choices.config, choices.loss
    needs = {
        "model.g_norm": choices.g_norm in BATCH_COUPLED,
        "model.d_norm": choices.d_norm in BATCH_COUPLED,
        "model.d_minibatch": choices.couples_examples,
        "loss.name": "mean" in options(loss.discriminator) | options(loss.generator),
        "penalty.name": "mean" in options(choices.penalty),
        "loss.top_k": config.loss.top_k is not None,
        "model.pack": config.model.pack > 1,
    }
    return [field for field, is_needed in needs.items() if is_needed]


def check_packing(choices: Choices, spec: Spec) -> str | None:
    """Packs divide the batch, have no labels and are not made by a penalty."""
    config = choices.config
    pack = f"model.pack {config.model.pack}"
    if config.model.pack == 1:
        return None
    if config.batch_size % config.model.pack:
        return f"{pack}: does not divide batch_size {config.batch_size}; change one"
    if config.dataset.labels:
        return f"{pack} with dataset.labels: a pack has no one label; leave one out"
    if "generator" in options(choices.penalty):
        return (
            f"{pack} with penalty.name {config.penalty.name!r}: makes single fakes, "
            "and D judges packs; use another penalty"
        )
    return None


def check_rule(choices: Choices, spec: Spec) -> str | None:
    """A rule of play says itself what it cannot play with."""
    return choices.rule.refuses(choices.config)


def check_adaptive_strength(choices: Choices, spec: Spec) -> str | None:
    """An adaptive strength goes by the sign of D's logits, which has to mean something.

    It means nothing where the loss has its boundary elsewhere, or does not change when
    both logits move together.
    """
    config = choices.config
    if not choices.adapts_strength:
        return None
    d_loss = bind(choices.loss.discriminator, config, "loss", mean=jnp.mean)
    low, high = jnp.zeros(2), jnp.full(2, 3.0)
    shift = d_loss(high, high) - d_loss(low, low)
    if choices.loss.boundary == 0 and shift.any():
        return None
    return (
        f"augment.schedule 'adaptive' with loss.name {config.loss.name!r}: the "
        "sign of D's logits says nothing there; use non_saturating or hinge"
    )


def check_output(choices: Choices, spec: Spec) -> str | None:
    """Points lie outside [-1, 1]."""
    output = choices.config.model.output
    if len(spec.shape) == 3 or output == "linear":
        return None
    return (
        f"model.output {output!r} cannot make points outside [-1, 1]; "
        "use model.output linear"
    )


def check_augment(choices: Choices, spec: Spec) -> str | None:
    """An augmentation suits the data, and a probability is at most 1."""
    config = choices.config
    entries = {"augment.name": choices.augment, "penalty.transform": choices.transform}
    for field, entry in entries.items():
        if entry.images_only and len(spec.shape) != 3:
            return (
                f"{field} {flat(config)[field]!r} needs images; the data are points: "
                "use none or instance_noise"
            )
    name, strength = config.augment.name, config.augment.strength
    if choices.augment.strength_is_probability and (strength or 0) > 1:
        return f"augment.strength {strength}: is {name}'s probability, at most 1"
    return None


def check_groups(choices: Choices, spec: Spec) -> str | None:
    """The groups of a minibatch layer divide the batch that D sees."""
    config = choices.config
    count = config.batch_size // config.model.pack
    size = GROUP_SIZES.get(choices.minibatch, 1)
    if count % min(size, count) == 0:
        return None
    return (
        f"batch_size {config.batch_size} with model.d_minibatch "
        f"{config.model.d_minibatch!r}: D sees {count} at once, which groups of "
        f"{size} do not divide; change it, or use discrimination"
    )


def check_labels(choices: Choices, spec: Spec) -> str | None:
    """Labels come with the data, and a penalty's own latents have none."""
    config = choices.config
    if not config.dataset.labels:
        return None
    if "generator" in options(choices.penalty):
        return (
            f"penalty.name {config.penalty.name!r} with dataset.labels: its latents "
            "have no labels; leave labels out, or use another penalty"
        )
    if spec.label_count is None:
        return f"dataset.labels: {config.dataset.name!r} has no labels; leave it out"
    return None


def check_determinism(choices: Choices, spec: Spec) -> str | None:
    """Compiler options make a step repeat, and pmap takes none."""
    config = choices.config
    if not (config.deterministic and config.placement == "pmap"):
        return None
    return (
        "deterministic with placement 'pmap': pmap takes no compiler options; use "
        "shard_map, which computes the same"
    )


CHECKS: tuple[Check, ...] = (
    check_seeds,
    check_determinism,
    check_penalty_and_norm,
    check_penalty_and_minibatch,
    check_microbatches,
    check_packing,
    check_rule,
    check_adaptive_strength,
    check_output,
    check_augment,
    check_groups,
    check_labels,
)
"""The checks in the order in which their messages are given."""
