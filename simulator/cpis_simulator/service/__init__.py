"""CP-IS itself: demographics, register, uploads, lookups, notifications."""
