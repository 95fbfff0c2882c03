"""The launcher of `gan_jax.commands.merge`: `python -m benchmarks.merge`."""

from gan_jax.commands import run

if __name__ == "__main__":
    run("merge")
