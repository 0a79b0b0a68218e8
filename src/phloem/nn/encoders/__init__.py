"""Encoders, one file a structure."""
