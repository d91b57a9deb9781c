"""Seeded faults in what is made of answers, and of their absence."""
