"""Photos at rest: sealed with a key of their own, in an object store. Knows nothing of what a photo shows."""
