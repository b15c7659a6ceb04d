"""Who sells (b): distributors, their stores and listings."""
