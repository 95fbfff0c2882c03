"""Python files of a user's own that register losses, networks, data sets and more."""

from gan_jax.plugins.load import load_plugin, load_plugins
from gan_jax.plugins.registries import REGISTRIES

__all__ = ["REGISTRIES", "load_plugin", "load_plugins"]
