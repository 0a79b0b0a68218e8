"""The user's jobs, one file each."""
