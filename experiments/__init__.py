"""Launchers of the commands: `python -m experiments.train` is `gan-jax train`."""

import gan_jax  # noqa: F401  Ctrl-C is answered from now on.
