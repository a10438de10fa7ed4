"""The routes of actions, their router, and the paths of requests."""
