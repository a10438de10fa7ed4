"""Inputs: the base model, schemas, payloads, and errors of invalid inputs."""

from __future__ import annotations

from actionhero.inputs.schema import Field, Inputs, InputSchema, Secret

__all__ = ["Field", "InputSchema", "Inputs", "Secret"]
