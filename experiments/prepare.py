"""`python -m experiments.prepare`: the command of `gan_jax.commands.prepare`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("prepare")
