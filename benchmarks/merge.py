"""`python -m benchmarks.merge`: the command of `gan_jax.commands.merge`."""

from gan_jax.commands import run_command

if __name__ == "__main__":
    run_command("merge")
