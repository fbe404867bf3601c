"""The twin's engines against theory, other simulators and each other: `make bench-twin`."""
