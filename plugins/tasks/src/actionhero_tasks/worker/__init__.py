"""Runs jobs: workers, their supervisor, and the scheduler."""
