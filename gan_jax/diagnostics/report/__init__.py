"""What is the matter with a run: all instruments on its final state, and their page.

`diagnose` measures everything, `advise` judges the numbers, `html_page` shows both; see
docs/diagnostics.md.
"""

from gan_jax.diagnostics.report.advice import ADVICE, advise
from gan_jax.diagnostics.report.measure import diagnose, to_json_value
from gan_jax.diagnostics.report.page import html_page

__all__ = ["ADVICE", "advise", "diagnose", "html_page", "to_json_value"]
