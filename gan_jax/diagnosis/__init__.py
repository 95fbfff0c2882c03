"""What is the matter with a run: every instrument on its final state, in words.

`diagnose` measures, `advice` judges, `page` shows; see docs/diagnostics.md.
"""

from gan_jax.diagnosis.advice import ADVICE, advise
from gan_jax.diagnosis.measure import diagnose
from gan_jax.diagnosis.page import page
from gan_jax.diagnosis.tables import plain

__all__ = ["ADVICE", "advise", "diagnose", "page", "plain"]
