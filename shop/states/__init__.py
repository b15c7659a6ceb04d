"""Lifecycles: transition tables, the one way to change a state, and its history."""
