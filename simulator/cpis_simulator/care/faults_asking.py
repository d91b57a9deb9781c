"""Seeded faults in who asks, about whom, and what is sent."""
