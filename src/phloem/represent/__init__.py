"""Views: what a model sees of an example."""
