"""From the cart to a placed order: cart, quote, split, place."""
