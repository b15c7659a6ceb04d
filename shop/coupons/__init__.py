"""Coupons: who funds them, who holds a piece, and what a piece takes off each line of an order."""
