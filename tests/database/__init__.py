"""PostgreSQL for tests: Django's own backend, able to empty tables that refuse to be emptied."""
