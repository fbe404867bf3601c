"""One rule a file: a window in, one symptom per service out, each healthy, unhealthy or unknown."""

from analysis.detectors.error_ratio import detect_error_ratio
from analysis.detectors.latency import detect_latency

DETECTORS = (detect_latency, detect_error_ratio)
"""All rules, in the order in which symptoms are shown."""
