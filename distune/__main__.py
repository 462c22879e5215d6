"""`python -m distune`: the command line."""

from distune.tuning.cli import main

if __name__ == "__main__":
    main()
