"""Launchers of the comparison, and programs that measure the library itself."""

import gan_jax  # noqa: F401  Ctrl-C is answered from now on.
