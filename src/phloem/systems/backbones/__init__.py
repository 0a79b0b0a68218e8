"""Systems about sequence backbones."""
