"""Programs of `synthesis/` as text that others run: Python functions, Excel formulas, SQL expressions."""
