"""How mail leaves: over kept connections to one relay, at a pace that each recipient's domain bears."""
