"""Flask and WSGI apps, and hosts that put a role on its store and edges."""
