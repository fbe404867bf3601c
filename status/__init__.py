"""The status surface: FastAPI over one frozen snapshot. It calls no stage and changes nothing."""
