"""MESH store-and-forward, folder pairs and plain folders."""
