"""`python -m experiments.cache`: the command of `gan_jax.commands.cache`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("cache")
