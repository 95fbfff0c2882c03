"""What is the matter with a run: every instrument on its final state, in words.

`diagnose` measures, `advice` judges, `html_page` shows; see docs/diagnostics.md.
"""

from gan_jax.diagnostics.report.advice import ADVICE, advise
from gan_jax.diagnostics.report.measure import diagnose, to_json_value
from gan_jax.diagnostics.report.page import html_page

__all__ = ["ADVICE", "advise", "diagnose", "html_page", "to_json_value"]
