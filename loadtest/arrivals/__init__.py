"""Open-model arrivals for Locust: when people come is decided by a clock, not by how fast they are answered.

`schedule`, `profiles` and `account` know nothing of Locust; only `clock`, `wiring` and `journeys` import it, because
importing it patches the process for gevent.
"""
