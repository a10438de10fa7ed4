"""Changes of tables: made from models, kept in files, run once.

Begin with `engine.py`, which says what there is to do, then `tortoise.py`, which does it.
"""
