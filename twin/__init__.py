"""A digital twin: a simulated shop on a simulated cluster that speaks OTLP and the cluster port."""
