"""`python -m experiments.sample`: the command of `gan_jax.commands.sample`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("sample")
