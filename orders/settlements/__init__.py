"""Paying suppliers: earnings and statements."""
