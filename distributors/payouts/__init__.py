"""Paying distributors: payout accounts and withdrawals."""
