"""Source code to syntax trees: what a function is in each language."""
