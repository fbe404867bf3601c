"""Who is the cause of what began at a given time: rows in, ranked suspects out. Pure."""
