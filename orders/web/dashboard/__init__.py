"""A distributor's view of the trade: how her store is doing, and the orders it brought."""
