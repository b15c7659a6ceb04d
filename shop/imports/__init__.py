"""How whole catalogues come in: reads a supplier's file and tells catalogue, prices and stock.

Stands above those three because it speaks to all of them. It has no tables of its own.
"""
