"""The comparison of methods: plans, cells, outcomes and the report."""
