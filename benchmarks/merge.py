"""`python -m benchmarks.merge`: the command of `gan_jax.commands.merge`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("merge")
