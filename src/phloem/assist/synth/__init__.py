"""Programs from examples: tables in, programs and filled tables out, in the words of everyone who may use them."""
