"""The population registry: its wire format and the client that speaks it."""
