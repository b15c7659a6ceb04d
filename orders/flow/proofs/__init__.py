"""The proof of the trade: each check one statement that lists offenders."""
