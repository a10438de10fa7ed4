"""The fixtures are those that are tested; here is only what plays a user's own tests."""

from __future__ import annotations

pytest_plugins = ["pytester"]
