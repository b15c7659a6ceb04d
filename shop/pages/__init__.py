"""Ready answers that are the same for everybody, kept in Redis for a few seconds (docs/operations.md, "Kept pages").

Nothing rests on them: Redis may be emptied or stopped at any time, and pages are then made from the database.
"""
