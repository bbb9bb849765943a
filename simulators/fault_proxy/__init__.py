"""A proxy between two parts of the system that does to their connections what networks do.

faults       what can be wrong with a link, as one frozen value
link         one listening port, the server behind it, and the connections that pass
connection   the two directions of one connection
app          switching faults while things run, by HTTP
"""
