"""Launchers of the commands: `python -m experiments.train` is `gan-jax train`."""

import gan_jax  # noqa: F401  Its first import answers Ctrl-C from now on.
