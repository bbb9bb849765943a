"""Stand-in for a registry: Dukcapil's, the population's, or that of students; wire format, moods and limits.

app       routes and the order in which a call meets everything below
control   what an operator sets: latency, capacity, faults, quota, population
registry  what is known of a NIK, and the table of special serials
students  who studies, and its own special serials
law       how long an answer takes, and how goodput falls under too many calls: pure, for simulations too
servers   the queue and the servers that obey it
failures  the answers that are no answers
calls     who called how often
wire      requests and replies as bytes
"""
