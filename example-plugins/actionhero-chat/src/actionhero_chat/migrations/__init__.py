"""The database migrations, created with `actionhero db make --label chat NAME`."""

from __future__ import annotations
