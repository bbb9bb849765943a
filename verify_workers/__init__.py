"""The worker side: takes ids from streams, asks the outside, and records verdicts once."""
