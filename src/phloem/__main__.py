"""`python -m phloem`: the command line, where it must be a module (under torchrun)."""

from phloem.cli import main

if __name__ == "__main__":
    main()
