"""The outside world: one file per rail, behind one contract.

Here lives the talk with payment and messaging services: signatures, encryption, timeouts, their words turned
into ours. Nothing here knows an order, a store or a supplier; nothing here stores anything in our database.
"""
