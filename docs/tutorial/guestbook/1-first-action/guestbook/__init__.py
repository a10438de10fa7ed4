"""A guest book."""

from __future__ import annotations
