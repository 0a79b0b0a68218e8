"""Computers made of a transformer that is applied to its own output.

Giannou et al., "Looped Transformers as Programmable Computers" (ICML 2023). `machine` has the parts that all share:
reading and writing by address, gates and rounding; `subleq` is the one-instruction computer, `fleq` the one with
functions, `inverse` the block that inverts matrices.
"""
