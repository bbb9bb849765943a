"""Valkey streams, disposable: ids on their way to a worker. The only importer of redis."""
