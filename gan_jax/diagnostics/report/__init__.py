"""What is the matter with a run: every instrument on its final state, in words.

`diagnose` measures, `advice` judges, `page` shows; see docs/diagnostics.md.
"""

from gan_jax.diagnostics.report.advice import ADVICE, advise
from gan_jax.diagnostics.report.measure import diagnose
from gan_jax.diagnostics.report.page import page
from gan_jax.diagnostics.report.tables import plain

__all__ = ["ADVICE", "advise", "diagnose", "page", "plain"]
