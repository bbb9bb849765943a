"""The peer benchmark: the front door beside what other teams would write, in alternating rounds of one run.

Servers are started by `gelombang bench` and handed in; nothing here knows how.
"""
