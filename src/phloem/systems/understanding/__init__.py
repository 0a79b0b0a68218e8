"""Systems that understand code."""
