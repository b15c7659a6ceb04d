"""Freight templates by region, and the quote."""
