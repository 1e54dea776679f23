"""What usage costs: prices, statements, limits, and reports of them."""
