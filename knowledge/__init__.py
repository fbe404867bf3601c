"""Knowledge: the shared vocabulary of all stages, and the append-only memory.

The leaf of the house: it imports none of the other packages, and they meet only here.
"""
