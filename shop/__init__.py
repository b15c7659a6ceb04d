"""The house: people, suppliers, goods, stock, prices, the books.

Floor 1. It never learns what a distributor or an order is: floors above hand it plain facts.
"""
