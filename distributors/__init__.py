"""The sellers: who brings the customer, and what they earn.

Floor 2. It may import ``shop``; it never learns what an order is and receives a ``Sale`` instead.
"""
