"""From a Config to a Gan: names become functions, and user errors are raised."""
