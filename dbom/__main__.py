"""`python -P -m dbom`, the same as the `dbom` script."""

from dbom.cli import main

if __name__ == "__main__":
    main()
