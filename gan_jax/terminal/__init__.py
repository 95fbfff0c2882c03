"""What is written to a terminal: lines, progress, tables."""
