"""What each kind asks the outside. One checker a kind, all behind the same protocol."""
