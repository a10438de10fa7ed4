"""`python -m actionhero` is the command `actionhero`."""

from __future__ import annotations

from actionhero.cli import main

if __name__ == "__main__":
    main()
