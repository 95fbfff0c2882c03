"""`python -m experiments.diagnose`, which is `gan-jax diagnose`."""

import sys

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("diagnose", sys.argv[1:])
