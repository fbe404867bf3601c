"""The receiver's own log: what is acknowledged is on disk first, and comes back by replay."""
