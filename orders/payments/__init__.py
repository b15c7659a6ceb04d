"""Money in and money back: payments, refunds, gateway notices."""
