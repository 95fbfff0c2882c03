"""`python -m gan_jax NAME`, which is `gan-jax NAME`."""

from gan_jax.commands import main

if __name__ == "__main__":
    main()
