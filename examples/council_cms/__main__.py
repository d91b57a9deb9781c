"""`python -m council_cms [PORT]`: the product. Its settings are environment variables, see store.py and app.py."""

import os
import sys

from .app import run

run(os.environ.get("COUNCIL_HOST", "127.0.0.1"), int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
