"""Where changes reach a cluster: the gate that checks once more, and the adapters of the port."""
