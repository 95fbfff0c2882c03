"""`python -m experiments.cache`, which is `gan-jax cache`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("cache", sys.argv[1:])
