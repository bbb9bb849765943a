"""Stand-in for Dukcapil, the population registry: its wire format, its moods and its limits.

app       routes and the order in which a call meets everything below
control   what an operator sets: latency, capacity, faults, quota, population
registry  what is known of a NIK, and the table of special serials
servers   how long an answer takes, and how it gets worse under too many calls
failures  the answers that are no answers
calls     who called how often
wire      requests and replies as bytes
"""
