"""Rates per caller, counted in Redis. Limits that guard money stand in the database besides."""

from rest_framework.throttling import ScopedRateThrottle


class Scoped(ScopedRateThrottle):
    """The rate named by a view's ``throttle_scope``; a view without one is not limited here.

    Counts per account where there is one, else per address.
    """
