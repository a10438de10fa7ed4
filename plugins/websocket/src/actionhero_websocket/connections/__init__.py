"""The live connections of all processes."""
