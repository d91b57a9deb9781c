"""`python -m ed_tracker [PORT]`: the product. Its settings are environment variables, see ledger.py and couriers.py."""

import os
import sys

from .counter import serve

serve(os.environ.get("TRACKER_HOST", "127.0.0.1"), int(sys.argv[1]) if len(sys.argv) > 1 else 8098)
