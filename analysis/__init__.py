"""Analyze: Arrow columns in, issues out. Pure functions: no clock, no loop, no I/O."""
