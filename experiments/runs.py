"""`python -m experiments.runs`: the command of `gan_jax.commands.runs`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("runs")
