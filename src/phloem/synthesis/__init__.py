"""Programs from examples: languages of programs, enumeration, deduction and version spaces."""
