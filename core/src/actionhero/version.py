"""The version of core, which is that of all our packages."""

from __future__ import annotations

VERSION = "0.1.0"
