"""Search over one's own code: the index, questions, and what is alike."""
