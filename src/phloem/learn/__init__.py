"""Objectives and one training loop."""
