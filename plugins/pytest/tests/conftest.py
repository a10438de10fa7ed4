"""`pytester`, which runs the tests of a user."""

from __future__ import annotations

pytest_plugins = ["pytester"]
