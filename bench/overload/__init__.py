"""Overload, as a whole service meets it."""
