"""One file a paper: its card, its composition and its claim."""
