"""The worker of phases two and three: it scores tests, closes waves on time, and tells people the result.

Its work stands in PostgreSQL alone: a test that has ended, a wave whose time is up, an announcement that is due.
"""
