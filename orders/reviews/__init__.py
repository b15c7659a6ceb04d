"""What people who received goods say about them, and what suppliers answer. Nothing is praised by itself."""
