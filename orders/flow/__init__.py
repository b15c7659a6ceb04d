"""The conductor: one function per moment, every consequence on its own line."""
