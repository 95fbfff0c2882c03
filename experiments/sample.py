"""`python -m experiments.sample`, which is `gan-jax sample`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("sample", sys.argv[1:])
