"""The questions that were asked before the runs, and their answers from rows."""
