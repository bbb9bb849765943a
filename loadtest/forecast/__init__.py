"""The forecast: how queues grow and drain over a wave, computed; and a replay to check it."""
