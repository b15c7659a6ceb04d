"""What is sold: categories, products, SKUs, images; import and export."""
