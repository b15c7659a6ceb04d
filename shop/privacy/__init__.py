"""What must not be readable in a dump: fields that are encrypted at rest, and the record of who looked at them."""
