"""Systems that find, write and run programs."""
