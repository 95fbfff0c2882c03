"""The short help of `gan-jax train`: what a method is, its main flags, three commands.

`--help-all` shows every flag.
"""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from gan_jax.assembly.assemble import build
from gan_jax.assembly.choices import fill_in_defaults
from gan_jax.assembly.datasets import find_dataset
from gan_jax.assembly.unused_fields import used_fields
from gan_jax.command_line.field_texts import CONFIG_KINDS, describe_field
from gan_jax.command_line.flag_sources import flag_sources, hyphenate
from gan_jax.command_line.flags import BOTH_OPTIMIZERS, set_both_optimizers
from gan_jax.config import Config, OptimizerConfig
from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE, IDEAS
from gan_jax.methods.changes import change_fields
from gan_jax.terminal.command_name import name_command

RECOMMENDED = ("r1", "r3gan", "wgan_gp", "sn_gan", "ns_gan")
"""Methods that the help without a method shows."""
COMMON_FIELDS = (
    "steps",
    "batch_size",
    "lr",
    "dataset.name",
    "model.name",
    "out",
    "seed",
    "resume",
)
"""Fields whose flags matter for every method."""
SLOTS = ("penalty", "generator_penalty", "augment", "dynamics")
"""Groups all of whose fields matter if a method fills them."""
TUNING_FIELDS = {"name", "learning_rate", "b1", "b2", "eps"}
"""Fields of the optimizers that have no row of their own."""
MOST_OWN_ROWS = 3
"""How many fields that matter for one method have a row each; the further ones share a
sentence."""
EXAMPLES = (
    {"out": "runs/NAME"},
    {"dataset.name": "ring"},
    {"lr_schedule": "linear", "steps": 10_000},
    {"seeds": 4},
    {"batch_size": 128},
)
"""Changes of a method's Config: the first three that it allows become examples."""
PLAYERS = "G is the generator, D the discriminator."
WIDTH = 80
MORE = """More
  --help-all                every flag, with its meaning and its default
  --print-config            the whole Config, and which fields the method reads
  --list                    all methods, data sets, models and other names"""


def format_short_help(words: str, name: str, base: Config, kind: type) -> str:
    """Return what `gan-jax train --help` prints.

    words: how the command begins. name, base: its method (or the name of its file) and
    the Config that the flags change; the name METHOD stands for none. kind: the
    dataclass of all flags.
    """
    if name == "METHOD":
        return format_general_help()
    return format_method_help(words, name, base, kind)


def format_general_help() -> str:
    """Return how to choose a method, and what to type."""
    train = name_command("train")
    return "\n".join(
        [
            f"usage: {train} METHOD [--flag value ...]",
            f"       {train} --config FILE [--flag value ...]",
            "",
            *wrap(
                "Train a GAN. METHOD names a complete configuration: a loss, a "
                "penalty, a rule of play, networks and their optimizers. Flags "
                "change its fields. FILE is the config.json of an earlier run. "
                + PLAYERS
            ),
            "",
            "Methods to begin with",
            *(
                line
                for name in RECOMMENDED
                for line in format_row(name, IDEAS[name], 10)
            ),
            "",
            "Examples",
            f"  {train} r1",
            f"  {train} r1 --dataset.name ring --out runs/ring",
            f"  {train} r1 --help",
            "",
            MORE,
        ]
    )


def format_method_help(words: str, name: str, base: Config, kind: type) -> str:
    """Return what a method is and uses, its main flags and three commands."""
    about = f"Here: {CATALOGUE[name].about}" if name in CATALOGUE else ""
    resolved = fill_in_defaults(base, find_dataset(base).spec)
    shown = resolved if base.out else replace(resolved, out=f"runs/{name}")
    own = find_own_fields(base)
    others = ", ".join(format_flag(field, shown) for field in own[MOST_OWN_ROWS:])
    return "\n".join(
        [
            f"usage: {words} [--flag value ...]",
            "",
            *wrap(f"{name}: {IDEAS[name]}" if name in IDEAS else name),
            *wrap(about),
            *wrap(f"Parts: {list_parts(resolved)}. {PLAYERS}"),
            "",
            f"Main flags, with their values for this method on {base.dataset.name}",
            *format_flag_rows(own[:MOST_OWN_ROWS], shown, kind),
            *wrap(f"The method also sets {others}." if others else "", "  "),
            "",
            "Examples",
            *(f"  {command}" for command in make_examples(words, name, base)),
            "",
            MORE,
        ]
    )


def list_parts(config: Config) -> str:
    """Return the names of a method's parts."""
    g_name, d_name = map(name_optimizer, (config.g_optimizer, config.d_optimizer))
    names = {
        "loss": config.loss.name,
        "penalty": config.penalty.name,
        "penalty of G": config.generator_penalty.name,
        "augmentation": config.augment.name,
        "rule of play": config.dynamics.name,
        "networks": config.model.name,
        "optimizer": g_name if g_name == d_name else f"{g_name} for G, {d_name} for D",
    }
    chosen = {part: name for part, name in names.items() if name != "none"}
    return ", ".join(f"{part} {name}" for part, name in chosen.items())


def name_optimizer(group: OptimizerConfig) -> str:
    """Return an optimizer's name, with the decays of Adam."""
    if group.name != "adam":
        return group.name
    return f"adam ({group.b1:g}, {0.999 if group.b2 is None else group.b2:g})"


def find_own_fields(base: Config) -> list[str]:
    """Return the fields that matter for a method beside the common ones.

    First stand all fields that it reads of the slots it fills, then what else it sets
    otherwise than the default.
    """
    plain, own, read = flat(Config()), flat(base), used_fields(base)
    filled = {slot for slot in SLOTS if own[f"{slot}.name"] != plain[f"{slot}.name"]}
    in_slots = [field for field in own if field.partition(".")[0] in filled]
    set_here = [field for field in own if own[field] != plain[field]]
    return [
        field
        for field in dict.fromkeys([*in_slots, *set_here])
        if field in read
        and field not in (*COMMON_FIELDS, "plugin")
        and not is_tuning(field)
    ]


def is_tuning(field: str) -> bool:
    """Whether `list_parts` names an optimizer's field, or --lr sets it."""
    group, _, option = field.rpartition(".")
    return group.endswith("optimizer") and option in TUNING_FIELDS


def format_flag_rows(own: list[str], config: Config, kind: type) -> Iterator[str]:
    """Yield the rows of the common fields and of a method's own.

    A row lists the names that its field takes, but for the many names of a whole part
    of the method, such as `penalty.name`: --list shows them.
    """
    sources = flag_sources(kind)
    for field in (*COMMON_FIELDS, *own):
        source = sources[flag_of(field)]
        is_part = field.endswith(".name")
        kinds = {} if is_part else CONFIG_KINDS
        text = describe_field(source.kind, source.field, kinds)
        yield from format_row(format_flag(field, config), text, 28)


def format_flag(field: str, config: Config) -> str:
    """Return a flag with a Config's value of its field."""
    return f"{flag_of(field)} {format_value(field, config)}".rstrip()


def format_value(field: str, config: Config) -> str:
    """Return a field's value as text, "" for a switch."""
    if field in BOTH_OPTIMIZERS:
        option = BOTH_OPTIMIZERS[field]
        g = getattr(config.g_optimizer, option)
        d = getattr(config.d_optimizer, option)
        return f"{g:g}" if g == d else f"{g:g}/{d:g}"
    value = flat(config).get(field, False)
    return "" if isinstance(value, bool) else str(value)


def make_examples(words: str, name: str, base: Config) -> list[str]:
    """Return three commands that this method can be run with."""
    possible = (change for change in EXAMPLES if can_be_built(base, change))
    commands = []
    for change in islice(possible, 3):
        flags = (f"{flag_of(field)} {value}" for field, value in change.items())
        commands.append(f"{words} {' '.join(flags).replace('NAME', name)}")
    return commands


def can_be_built(base: Config, change: Mapping[str, Any]) -> bool:
    both = {k: v for k, v in change.items() if k in BOTH_OPTIMIZERS}
    others = {k: v for k, v in change.items() if k not in BOTH_OPTIMIZERS}
    try:
        build(set_both_optimizers(change_fields(base, others), both))
    except ValueError:
        return False
    return True


def flag_of(field: str) -> str:
    return f"--{hyphenate(field)}"


def format_row(title: str, text: str, indent: int) -> Iterator[str]:
    """Yield the lines of a title and its text beside it, or below a long title."""
    first, *more = textwrap.wrap(text, WIDTH - indent - 4) or [""]
    if len(title) > indent:
        yield f"  {title}"
        title = ""
    yield f"  {title:{indent}}  {first}".rstrip()
    yield from (" " * (indent + 4) + line for line in more)


def wrap(text: str, indent: str = "") -> list[str]:
    """Return the lines of a text, each of at most WIDTH columns."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
