"""The trade: what is bought, paid, delivered, returned, settled.

Floor 3. It may import ``distributors`` and ``shop``; nothing imports it.
"""
