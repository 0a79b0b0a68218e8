"""Looks inside trained models."""
