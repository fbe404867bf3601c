"""One service under days of load: engines, workloads and the judge for autoscalers.

The shop of the demo (twin/traffic.py) plays whole requests through twelve services, with telemetry.
Here is one service only, without telemetry, so that a day of millions of requests takes seconds.
"""
