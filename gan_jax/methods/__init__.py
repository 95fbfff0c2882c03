"""METHODS: name -> a complete Config, each with its source and deviations.

All methods run on the embedded digits unless their networks need another resolution.
Any other data set that their networks can make can be chosen (`--dataset.name ring`),
and `gan_jax.method_for` returns the values that suit it. Many methods share these
deviations: networks are the `resize` pair for images and `mlp` for points, with He
initialization, and G is averaged with decay 0.999. The founding configurations have
networks of their own and no average; on digits their dense layers end in 64 pixels, not
784. DEVIATIONS lists every field whose value is another than in the method's source,
and docs/method_values.md shows it.
"""

from gan_jax.config import Config
from gan_jax.methods.deviations import DEVIATIONS
from gan_jax.methods.entry import Method
from gan_jax.methods.founding import FOUNDING
from gan_jax.methods.ideas import IDEAS
from gan_jax.methods.objectives import OBJECTIVES
from gan_jax.methods.rules_of_play import RULES_OF_PLAY
from gan_jax.methods.sources import UNREAD, Source
from gan_jax.methods.stabilizers import STABILIZERS

CATALOGUE: dict[str, Method] = OBJECTIVES | RULES_OF_PLAY | STABILIZERS | FOUNDING

METHODS: dict[str, Config] = {name: entry.config for name, entry in CATALOGUE.items()}

__all__ = ["CATALOGUE", "DEVIATIONS", "IDEAS", "METHODS", "UNREAD", "Method", "Source"]
