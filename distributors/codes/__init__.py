"""Coupon codes by which distributors give a discount and are credited with the sale, also without a link."""
