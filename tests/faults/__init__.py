"""What breaks on purpose: a whole installation of its own, killed, cut and emptied while people buy."""
