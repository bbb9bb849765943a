"""Made-up applicants and load: what proves that the system holds."""
