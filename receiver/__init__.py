"""Monitor: OTLP in, Arrow rows out to the brain. A process of its own that holds no credential."""
