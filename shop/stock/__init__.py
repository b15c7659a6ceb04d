"""How many are left: stock items, reservations, movements."""
