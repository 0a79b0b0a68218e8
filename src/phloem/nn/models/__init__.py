"""Compositions that many systems share."""
