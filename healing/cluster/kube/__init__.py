"""The adapter to a real Kubernetes API: what is read, what is written, and by which rules."""
