"""`python -m experiments.train`, which is `gan-jax train`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("train", sys.argv[1:])
