"""A small application whose jobs use dramatiq: actors, compositions, results, middleware."""
