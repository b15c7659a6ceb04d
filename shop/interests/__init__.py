"""What a person searched for, looked at and keeps. Hers alone: nobody else reads it and nothing is ranked by it."""
