"""Model in, findings out, by requirement id."""
