"""Metrics, declared once, and what is built on them."""
