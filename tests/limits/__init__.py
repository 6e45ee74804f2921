"""Limits as whoever comes over the network meets them."""
