"""What it costs: supply, retail, floor and ceiling price of a SKU."""
