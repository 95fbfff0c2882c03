"""Configs with fields changed by their dotted names."""

from dataclasses import replace

from gan_jax.config import Config


def with_field(config, field, value):
    """The config with the field of this dotted name set."""
    group, _, name = field.rpartition(".")
    if not group:
        return replace(config, **{name: value})
    return replace(config, **{group: replace(getattr(config, group), **{name: value})})


def config_with(**fields):
    """The default Config with fields given as `group__field`."""
    config = Config()
    for field, value in fields.items():
        config = with_field(config, field.replace("__", "."), value)
    return config
