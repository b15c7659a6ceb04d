"""The to-do list in the database: due work and idempotency keys."""
