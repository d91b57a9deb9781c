"""Sockets, TLS, folders and the HTTP client; knows no role."""
