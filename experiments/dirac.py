"""`python -m experiments.dirac`: the command of `gan_jax.commands.dirac`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("dirac")
