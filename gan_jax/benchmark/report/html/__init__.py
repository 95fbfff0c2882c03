"""The report as one page: sections, panels and charts."""
