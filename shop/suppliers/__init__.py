"""Who supplies (S): suppliers, their members and qualifications."""
