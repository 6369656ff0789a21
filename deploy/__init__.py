"""Deployment: the stack on one machine, container images, Prometheus and Grafana."""
