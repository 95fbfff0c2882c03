"""How good a run's samples are, and the numbers of the GAN itself."""
