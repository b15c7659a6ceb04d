"""Django's PostgreSQL backend, asking less."""
