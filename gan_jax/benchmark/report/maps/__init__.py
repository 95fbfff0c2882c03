"""Stability maps: areas under them, the ranking of methods by area, and its words."""
