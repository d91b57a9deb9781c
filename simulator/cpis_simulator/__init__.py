"""The three parties of CP-IS: authority, service and care, sans-IO core first."""
