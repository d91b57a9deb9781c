"""The smallest useful driver: a product's own calls behind the operations that a claim cannot do without.

`Product` stands for whatever a real adapter talks to: a web service, a database, a screen that is driven. Run it with
`python examples/driver_adapter.py 8099` and name its address in `cpis.toml`.
"""

from __future__ import annotations

import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Product:
    """A case system that can record children and plans; it offers nothing else yet."""

    def __init__(self) -> None:
        """Empty."""
        self.children: list[dict[str, Any]] = []
        self.plans: list[dict[str, Any]] = []

    def version(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The operations listed here are the ones that the harness asks for."""
        return {
            "product": "Example Case Manager",
            "version": "14.2",
            "role": "authority",
            "operations": ["version", "record-child", "record-plan"],
            "authorities": [{"ods": "Z99", "name": "EXAMPLETON TEST COUNCIL"}],
        }

    def record_child(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Keys are those of `ChildDetails` in docs/driver-api.yaml."""
        self.children.append(asked)
        return {"child_id": f"C{len(self.children)}"}

    def record_plan(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A refusal is raised as ValueError and becomes 409."""
        if int(asked["child_id"][1:]) > len(self.children):
            raise ValueError("No such child")
        self.plans.append(asked)
        return {"plan_id": f"P{len(self.plans)}"}


class Adapter(BaseHTTPRequestHandler):
    """`POST /<operation>` to the product's method of that name."""

    product = Product()

    def do_POST(self) -> None:
        """200 with the reply, 409 with a reason, 501 for what the product does not offer."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        method = getattr(self.product, self.path.strip("/").replace("-", "_"), None)
        if method is None:
            self._answer(501, {"reason": f"{self.path} is not offered"})
            return
        try:
            self._answer(200, method(json.loads(body or b"{}")))
        except ValueError as error:
            self._answer(409, {"reason": str(error)})

    def _answer(self, status: int, reply: dict[str, Any]) -> None:
        body = json.dumps(reply).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(port: int) -> None:
    """Serve on the loopback address and say so, as `cpis authority` does."""
    with ThreadingHTTPServer(("127.0.0.1", port), Adapter) as server:
        print(json.dumps({"event": "ready", "url": f"http://127.0.0.1:{server.server_port}"}), flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 8099)
