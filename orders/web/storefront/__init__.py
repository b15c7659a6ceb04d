"""What a shopper sees of the trade: cart, checkout, cashier, her orders, refunds and returns."""
