"""Searches over outputs."""
