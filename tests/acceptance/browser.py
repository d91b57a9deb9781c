"""Debian's Chromium without a screen, told what to do over a pipe: a page is read and used as a person does.

The DevTools protocol is JSON, ended by a zero byte, on file descriptors 3 and 4; so no library and no port is needed.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
    *("--no-default-browser-check", "--mute-audio", "--disable-dev-shm-usage", "--remote-debugging-pipe"),
]


class Browser:
    """One tab of a browser of its own.

    Args:
        profile: A fresh folder.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        to_child, self._out = os.pipe()
        self._in, from_child = os.pipe()

        def hand_over() -> None:
            # The pipes may lie on 3 and 4 themselves, so they go out of the way first.
            read, write = os.dup(to_child), os.dup(from_child)
            os.dup2(read, 3)
            os.dup2(write, 4)

        self._process = subprocess.Popen(
            [CHROMIUM, *FLAGS, f"--user-data-dir={profile}", "about:blank"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(3, 4),
            preexec_fn=hand_over,
            start_new_session=True,
        )
        os.close(to_child)
        os.close(from_child)
        self._next = 0
        self._unread = b""
        self.requests: list[str] = []
        target = self._send("Target.getTargets")["targetInfos"]
        page = next(t["targetId"] for t in target if t["type"] == "page")
        self._session = self._send("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self._send(f"{domain}.enable")

    def __enter__(self) -> Browser:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def size(self, width: int, height: int = 900) -> None:
        """How large the window is."""
        self._send(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    def scripts(self, on: bool) -> None:
        """Let pages run scripts, or not."""
        self._send("Emulation.setScriptExecutionDisabled", value=not on)

    def go(self, url: str) -> None:
        """Open an address, and wait until it is there."""
        if error := self._send("Page.navigate", url=url).get("errorText"):
            raise ConnectionError(f"{url}: {error}")
        self.wait_for("document.readyState === 'complete'")

    def look(self, expression: str) -> Any:
        """The value of an expression in the page; None while the page changes."""
        answer = self._send("Runtime.evaluate", expression=expression, returnByValue=True, may_fail=True)
        return answer.get("result", {}).get("value")

    def wait_for(self, expression: str, *, within: float = 15.0) -> Any:
        """Wait until an expression is true in the page."""
        deadline = time.monotonic() + within
        while not (found := self.look(expression)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{expression} did not come true; the page: {self.look('document.body.innerText')}")
            time.sleep(0.02)
        return found

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key: `Tab`, `Enter`, ` `, or a letter."""
        codes = {"Tab": 9, "Enter": 13, " ": 32}
        text = {"Enter": "\r", "Tab": ""}.get(key, key)
        about: dict[str, Any] = {
            "key": key,
            "windowsVirtualKeyCode": codes.get(key, ord(key[0])),
            "modifiers": 8 * shift,
        }
        self._send("Input.dispatchKeyEvent", type="keyDown", text=text, **about)
        self._send("Input.dispatchKeyEvent", type="keyUp", **about)

    def type(self, text: str) -> None:
        """Type a text where the focus is."""
        self._send("Input.insertText", text=text)

    def attach(self, selector: str, *files: Path) -> None:
        """Choose files."""
        root = self._send("DOM.getDocument")["root"]["nodeId"]
        node = self._send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._send("DOM.setFileInputFiles", nodeId=node, files=[str(f) for f in files])

    def picture(self, file: Path) -> None:
        """Photograph the whole page."""
        size = self._send("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        taken = self._send("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        file.write_bytes(base64.b64decode(taken["data"]))

    def _send(self, method: str, *, may_fail: bool = False, **params: Any) -> dict[str, Any]:
        self._next += 1
        message: dict[str, Any] = {"id": self._next, "method": method, "params": params}
        if not method.startswith("Target."):
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 30
        while True:
            answer = self._receive(deadline, method)
            if answer.get("method") == "Network.requestWillBeSent":
                self.requests.append(answer["params"]["request"]["url"])
            if answer.get("id") != self._next:
                continue
            if "error" in answer and not may_fail:
                raise RuntimeError(f"{method}: {answer['error']}")
            result: dict[str, Any] = answer.get("result", {})
            return result

    def _receive(self, deadline: float, method: str) -> dict[str, Any]:
        while b"\0" not in self._unread:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._in], [], [], left)[0]:
                raise TimeoutError(f"no answer to {method}")
            if not (part := os.read(self._in, 1 << 20)):
                raise ConnectionError("the browser has ended")
            self._unread += part
        line, self._unread = self._unread.split(b"\0", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer
