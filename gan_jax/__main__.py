"""`python -m gan_jax COMMAND`, which is `gan-jax COMMAND`."""

from gan_jax.commands import main

main()
