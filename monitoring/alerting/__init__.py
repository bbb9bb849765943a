"""Promises and alerts, and what Prometheus and Alertmanager read, made of them."""
