"""The suppliers' admin site: who may enter, and that she sees her own supplier's rows only."""
