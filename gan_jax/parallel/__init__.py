"""One step on many devices, hosts and seeds, and what a run executes."""
