"""The suppliers' admin site: row scoping and dashboard."""
