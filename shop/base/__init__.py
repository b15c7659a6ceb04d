"""Plain tools every app may use: money, errors, public numbers, locks. No models, no Django app."""
