"""Which rail carries the money: the one named by ``LINJIA_GATEWAY``."""
