"""A person's rights over her data: what she agreed to, all of it to take along, leaving for good."""
