"""Files, tables and pictures that a run writes."""
