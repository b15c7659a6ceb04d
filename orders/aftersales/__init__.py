"""Refund, return, exchange, and the evidence for it."""
