"""Review: what looks wrong, by learned checks, and training them on one's own code."""
