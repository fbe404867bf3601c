"""The shell: command line, settings, wiring, loops and supervision around the pure core."""

from importlib.metadata import version

__version__ = version("homeostat")
