"""`python -m experiments.list`, which is `gan-jax list`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("list", sys.argv[1:])
