"""The report as one page: its document, sections, panels and charts."""
