"""Running programs that were generated: apart from ours, without a network, within limits."""
