"""The process models: several workers, and automatic restarts in development."""
