"""`python -m experiments.prepare`, which is `gan-jax prepare`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("prepare", sys.argv[1:])
