"""The report of a comparison: statistics, tables, findings, figures and one page."""
