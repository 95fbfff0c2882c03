"""Files of a user's own that register losses, networks, methods and more."""
