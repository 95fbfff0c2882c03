"""What the results of a comparison say: statistics, tables, findings."""
