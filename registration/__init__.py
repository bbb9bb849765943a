"""What a registration is: the domain, the store and the streams that both processes share. Knows nobody above it."""
