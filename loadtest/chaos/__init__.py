"""Faults on a running system under load, and the ledger that says what they broke.

ground    the system under fault: its processes, its stand-ins, its stores
crowd     people who register at a rate and do not give up
watch     the books of every second
journal   every move of every check, as PostgreSQL saw it
faults    what can be done to it, by name: kills, wipes, network, drills
ledger    four books joined: acks, rows, the ministry's calls, mail and SMS
session   one run, from the first registration to the report
report    what came of it
"""
