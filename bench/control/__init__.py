"""Autoscalers side by side on the same requests: `make bench-control`."""
