"""The version of gan_jax, in one place: `setup.cfg` reads it from this file."""

from importlib.metadata import version

__version__ = "0.1.0"


def versions(*packages: str) -> dict[str, str]:
    """The versions of gan_jax and of these installed packages, by name.

    gan_jax itself need not be installed: a source tree knows its version too.
    """
    return {"gan_jax": __version__, **{name: version(name) for name in packages}}
