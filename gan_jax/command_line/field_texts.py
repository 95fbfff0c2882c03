"""What a help text says of a flag: its field's docstring, and the names it takes.

The names are read from the registries, so that a help text lists every entry there is,
those of plugins too.
"""

import dataclasses
from functools import cache
from typing import Any, get_type_hints

import docstring_parser
from tyro.constructors import (
    ConstructorRegistry,
    StructConstructorSpec,
    StructFieldSpec,
    StructTypeInfo,
)

from gan_jax.config import (
    AugmentConfig,
    DatasetConfig,
    DynamicsConfig,
    GeneratorPenaltyConfig,
    LossConfig,
    MetricsConfig,
    ModelConfig,
    OptimizerConfig,
    PenaltyConfig,
)
from gan_jax.plugins.registries import REGISTRIES
from gan_jax.terminal.command_name import name_commands_in

Kinds = dict[tuple[type, str], tuple[str, ...]]
"""By a dataclass and the name of its field: the kinds of registered names it takes."""

CONFIG_KINDS: Kinds = {
    (DatasetConfig, "name"): ("data set",),
    (ModelConfig, "name"): ("model",),
    (ModelConfig, "g_norm"): ("norm",),
    (ModelConfig, "d_norm"): ("norm",),
    (ModelConfig, "d_minibatch"): ("minibatch layer",),
    (ModelConfig, "activation"): ("activation",),
    (ModelConfig, "g_init"): ("initializer",),
    (ModelConfig, "d_init"): ("initializer",),
    (ModelConfig, "output"): ("output",),
    (LossConfig, "name"): ("loss",),
    (PenaltyConfig, "name"): ("penalty",),
    (PenaltyConfig, "transform"): ("augmentation",),
    (GeneratorPenaltyConfig, "name"): ("generator penalty",),
    (OptimizerConfig, "name"): ("optimizer",),
    (AugmentConfig, "name"): ("augmentation",),
    (DynamicsConfig, "name"): ("rule of play",),
    (MetricsConfig, "names"): ("metric", "probe"),
    (MetricsConfig, "extractor"): ("extractor",),
}
"""The fields of the Config that take registered names."""


def describe_field(kind: type, field: str, kinds: Kinds = CONFIG_KINDS) -> str:
    """Return the docstring of a dataclass's field, and the names that it takes."""
    text = name_commands_in(field_docstrings(kind).get(field, ""))
    names = [name for one in kinds.get((kind, field), ()) for name in REGISTRIES[one]]
    return f"{text} Names: {', '.join(names)}." if names else text


@cache
def field_docstrings(kind: type) -> dict[str, str]:
    """Return the docstrings of a dataclass's fields, each on one line."""
    parameters = docstring_parser.parse_from_object(kind).params
    return {p.arg_name: " ".join((p.description or "").split()) for p in parameters}


def make_help_registry(kinds: Kinds) -> ConstructorRegistry:
    """Return the rule by which tyro takes its help texts from `describe_field`."""
    registry = ConstructorRegistry()

    @registry.struct_rule
    def describe_fields(info: StructTypeInfo) -> StructConstructorSpec | None:
        if not dataclasses.is_dataclass(info.type):
            return None
        hints = get_type_hints(info.type, include_extras=True)
        fields = [
            StructFieldSpec(
                name=field.name,
                type=hints[field.name],
                default=find_default(field, info.default),
                helptext=describe_field(info.type, field.name, kinds),
            )
            for field in dataclasses.fields(info.type)
        ]
        return StructConstructorSpec(instantiate=info.type, fields=tuple(fields))

    return registry


def find_default(field: dataclasses.Field, instance: Any) -> Any:
    """Return a field's value in an instance, or else the field's own default."""
    if dataclasses.is_dataclass(instance):
        return getattr(instance, field.name)
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    if field.default is not dataclasses.MISSING:
        return field.default
    return instance  # tyro's mark for a value that is missing
