"""The short help of `python -m experiments.train`: what a method is, its main flags,
three commands. `--help-all` shows every flag."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import docstring_parser

from gan_jax.assembly.assemble import build
from gan_jax.assembly.compatibility import dataset, resolve
from gan_jax.assembly.unused_fields import read_fields
from gan_jax.command_line.flag_sources import FlagSource, flag_sources, hyphenate
from gan_jax.command_line.flags import BOTH_OPTIMIZERS, set_both_optimizers
from gan_jax.config import Config, OptimizerConfig
from gan_jax.config.serialization import flat
from gan_jax.methods import CATALOGUE, IDEAS
from gan_jax.methods.changes import changed
from gan_jax.terminal.command_name import name_command

RECOMMENDED = ("r1", "r3gan", "wgan_gp", "sn_gan", "ns_gan")
"""Methods that the help without a method shows."""
ALWAYS = (
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
TUNING = {"name", "learning_rate", "b1", "b2", "eps"}
"""Fields of the optimizers that have no row of their own."""
OWN_ROWS = 3
"""Rows for fields that matter for one method; further ones share a sentence."""
EXAMPLES = (
    {"out": "runs/NAME"},
    {"dataset.name": "ring"},
    {"lr_schedule": "linear", "steps": 10_000},
    {"seeds": 4},
    {"batch_size": 128},
)
"""What the commands change that are shown: the first three that the method allows."""
PLAYERS = "G is the generator, D the discriminator."
WIDTH = 80
MORE = """More
  --help-all                every flag, with its meaning and its default
  --print-config            the whole Config, and which fields the method reads
  --list                    all methods, data sets, models and other names"""


def short_help(words: str, name: str, base: Config, kind: type) -> str:
    """What `--help` prints.

    words: how the command begins, with the method or the file that name and base are
    of. kind: the dataclass of all flags.
    """
    if name == "METHOD":
        return general_help()
    return method_help(words, name, base, kind)


def general_help() -> str:
    """How to choose a method, and what to type."""
    train = name_command("train")
    return "\n".join(
        [
            f"usage: {train} METHOD [--flag value ...]",
            f"       {train} --config FILE [--flag value ...]",
            "",
            *wrapped(
                "Train a GAN. METHOD names a complete configuration: a loss, a "
                "penalty, a rule of play, networks and their optimizers. Flags "
                "change its fields. FILE is the config.json of an earlier run. "
                + PLAYERS
            ),
            "",
            "Methods to begin with",
            *(line for name in RECOMMENDED for line in row(name, IDEAS[name], 10)),
            "",
            "Examples",
            f"  {train} r1",
            f"  {train} r1 --dataset.name ring --out runs/ring",
            f"  {train} r1 --help",
            "",
            MORE,
        ]
    )


def method_help(words: str, name: str, base: Config, kind: type) -> str:
    """What a method is and uses, its main flags and three commands."""
    about = f"Here: {CATALOGUE[name].about}" if name in CATALOGUE else ""
    resolved = resolve(base, dataset(base).spec)
    shown = resolved if base.out else replace(resolved, out=f"runs/{name}")
    own = own_fields(base)
    sources = flag_sources(kind)
    rows = [
        line
        for field in (*ALWAYS, *own[:OWN_ROWS])
        for line in flag_row(field, shown, sources[flag_of(field)])
    ]
    others = ", ".join(typed(field, shown) for field in own[OWN_ROWS:])
    return "\n".join(
        [
            f"usage: {words} [--flag value ...]",
            "",
            *wrapped(f"{name}: {IDEAS[name]}" if name in IDEAS else name),
            *wrapped(about),
            *wrapped(f"Parts: {parts(resolved)}. {PLAYERS}"),
            "",
            f"Main flags, with their values for this method on {base.dataset.name}",
            *rows,
            *wrapped(f"The method also sets {others}." if others else "", "  "),
            "",
            "Examples",
            *(f"  {command}" for command in examples(words, name, base)),
            "",
            MORE,
        ]
    )


def parts(config: Config) -> str:
    """The parts of a method by name."""
    of_g, of_d = optimizer(config.g_optimizer), optimizer(config.d_optimizer)
    names = {
        "loss": config.loss.name,
        "penalty": config.penalty.name,
        "penalty of G": config.generator_penalty.name,
        "augmentation": config.augment.name,
        "rule of play": config.dynamics.name,
        "networks": config.model.name,
        "optimizer": of_g if of_g == of_d else f"{of_g} for G, {of_d} for D",
    }
    chosen = {part: name for part, name in names.items() if name != "none"}
    return ", ".join(f"{part} {name}" for part, name in chosen.items())


def optimizer(group: OptimizerConfig) -> str:
    if group.name != "adam":
        return group.name
    return f"adam ({group.b1:g}, {0.999 if group.b2 is None else group.b2:g})"


def own_fields(base: Config) -> list[str]:
    """The fields that matter for a method beside the common ones: first all that it
    reads of the slots it fills, then what it sets otherwise than the default."""
    plain, own, read = flat(Config()), flat(base), read_fields(base)
    filled = {slot for slot in SLOTS if own[f"{slot}.name"] != plain[f"{slot}.name"]}
    of_slots = [field for field in own if field.partition(".")[0] in filled]
    set_here = [field for field in own if own[field] != plain[field]]
    return [
        field
        for field in dict.fromkeys([*of_slots, *set_here])
        if field in read and field not in (*ALWAYS, "plugin") and not is_tuning(field)
    ]


def is_tuning(field: str) -> bool:
    """Whether a field is of an optimizer and named by `parts`, or set by --lr."""
    group, _, option = field.rpartition(".")
    return group.endswith("optimizer") and option in TUNING


def flag_row(field: str, config: Config, source: FlagSource) -> Iterator[str]:
    yield from row(typed(field, config), text_of(source), 28)


def typed(field: str, config: Config) -> str:
    """A flag with a Config's value of its field."""
    return f"{flag_of(field)} {value_of(field, config)}".rstrip()


def value_of(field: str, config: Config) -> str:
    """A field's value as text; of a switch nothing."""
    if field in BOTH_OPTIMIZERS:
        g, d = (
            getattr(p, BOTH_OPTIMIZERS[field])
            for p in (config.g_optimizer, config.d_optimizer)
        )
        return f"{g:g}" if g == d else f"{g:g}/{d:g}"
    value = flat(config).get(field, False)
    return "" if isinstance(value, bool) else str(value)


def text_of(source: FlagSource) -> str:
    """The docstring of a flag's field."""
    return " ".join(texts(source.kind)[source.field].split())


@cache
def texts(kind: type) -> dict[str, str]:
    """The docstrings of a dataclass's fields."""
    params = docstring_parser.parse_from_object(kind).params
    return {param.arg_name: param.description or "" for param in params}


def examples(words: str, name: str, base: Config) -> list[str]:
    """Three commands that this method can be run with."""
    possible = (change for change in EXAMPLES if can_be_built(base, change))
    commands = []
    for change in islice(possible, 3):
        pairs = ((flag_of(field), str(value)) for field, value in change.items())
        typed = " ".join(word for pair in pairs for word in pair)
        commands.append(f"{words} {typed.replace('NAME', name)}")
    return commands


def can_be_built(base: Config, change: Mapping[str, Any]) -> bool:
    both = {name: value for name, value in change.items() if name in BOTH_OPTIMIZERS}
    others = {
        name: value for name, value in change.items() if name not in BOTH_OPTIMIZERS
    }
    try:
        build(set_both_optimizers(changed(base, others), both))
    except ValueError:
        return False
    return True


def flag_of(field: str) -> str:
    return f"--{hyphenate(field)}"


def row(title: str, text: str, indent: int) -> Iterator[str]:
    """A title and its text beside it; below it if the title is too long."""
    first, *more = textwrap.wrap(text, WIDTH - indent - 4) or [""]
    if len(title) > indent:
        yield f"  {title}"
        title = ""
    yield f"  {title:{indent}}  {first}".rstrip()
    yield from (" " * (indent + 4) + line for line in more)


def wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
