"""Losses over a model and a batch, one file each."""
