"""What all commands share: flags, help, errors, signals."""
