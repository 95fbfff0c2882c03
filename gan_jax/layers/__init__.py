"""Layers of networks, and how their convolutions are computed."""
