"""A third-party plugin."""
