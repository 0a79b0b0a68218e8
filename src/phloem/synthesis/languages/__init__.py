"""Languages of programs, one file each: operators, parsing, printing, sampling."""
