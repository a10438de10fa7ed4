"""Inputs: the base model, schemas, payloads, and the reports of invalid input."""

from __future__ import annotations

from actionhero.inputs.schema import Field, Inputs, InputSchema, Secret

__all__ = ["Field", "InputSchema", "Inputs", "Secret"]
