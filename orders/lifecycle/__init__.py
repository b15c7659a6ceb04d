"""The record of what was bought: orders, supplier orders, order lines."""
