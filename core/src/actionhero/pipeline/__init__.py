"""The pipeline that every call goes through, its plans, and its handling of errors."""

from __future__ import annotations

from actionhero.pipeline.pipeline import Pipeline

__all__ = ["Pipeline"]
