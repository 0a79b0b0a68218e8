"""Weights that come with the package."""
