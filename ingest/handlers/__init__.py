"""Handlers parse, call and render; what they decide stands in `ingest.intake` and `ingest.answers`."""
