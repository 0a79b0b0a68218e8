"""Neural parts: they encode and decode."""
