"""How fast the remedy bandit learns, and learns anew: `make bench-learning`."""
