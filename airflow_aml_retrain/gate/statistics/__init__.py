"""From sums to doubt: distributions, spreads, and the intervals that follow from them."""
