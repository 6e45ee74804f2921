"""
What people would not think of: random commands against a model, random bytes, random values.

The suite runs a small part of it, the same each time; `python -m tests.fuzz` runs all of it.
"""
