"""Layers through which positions exchange information."""
