"""`python -m experiments.sample`: the command of `gan_jax.commands.sample`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("sample")
