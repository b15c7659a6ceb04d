"""Parcels and their tracking."""
