"""What all commands share: flags, help texts, user errors and signals."""
