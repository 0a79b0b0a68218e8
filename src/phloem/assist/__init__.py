"""The user's jobs: naming, summaries, explanations, and training on one's own code."""
