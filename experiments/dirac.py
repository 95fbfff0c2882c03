"""`python -m experiments.dirac`: the command of `gan_jax.commands.dirac`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("dirac")
