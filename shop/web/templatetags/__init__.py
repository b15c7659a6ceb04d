"""Template tags every side's pages use."""
