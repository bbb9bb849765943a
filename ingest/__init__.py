"""The front door: accepts, validates, seals, commits in groups, and only then answers 202."""
