"""What other teams would write: each file runs as a script, shares no code with us and is imported by nobody.

Honest, idiomatic code with pools of sensible size. It validates, stores and enqueues, and does less than the front door
does: nothing is sealed, no receipt is signed, a replay is not compared with its first time.
"""
