"""Weights carried to proxies: Envoy asks us for them, HAProxy is told through its socket."""
