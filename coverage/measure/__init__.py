"""Measures along roads, on frames and arrays: spacing and gaps, covered length, shares at a border, strips."""
