"""The capacity proof: a plan run with open-model load, what was acknowledged looked up, a verdict that is signed."""
