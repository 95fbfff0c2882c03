"""`python -m experiments.cache`: the command of `gan_jax.commands.cache`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("cache")
