"""The call-centre page on the admin port: one registration, found by its receipt number only (docs/desk.md)."""

from ingest.desk.handlers import Desk, Office

__all__ = ["Desk", "Office"]
