"""Objectives: one file a loss over a model and a batch."""
