"""What a shopper sees of the shop: shelves and products, signing in, her own things."""
