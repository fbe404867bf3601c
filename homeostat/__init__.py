"""The shell: command line, settings, wiring, loops and supervision around the pure core."""
