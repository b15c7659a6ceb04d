"""Who recruited whom: one referrer each, no self, no loop."""
