"""Chromium without a window, driven over a pipe: what a reader's browser makes of a page."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from support.waiting import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--remote-debugging-pipe"),
)
#: it reads its orders from descriptor 3 and answers on 4, so the pipes have to be put there
LAUNCHER = """
import fcntl, os, sys
kept = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, pipe in zip((3, 4), kept):
    os.dup2(pipe, number)
os.execv(sys.argv[3], sys.argv[3:])
"""


def found() -> str | None:
    """The browser of this machine, if it has one."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Browser:
    """One page, and everything that went wrong on it or was asked of the network."""

    _send: int
    _receive: int
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    _session: str = ""
    _count: int = 0
    _buffer: bytes = b""
    _events: list[dict[str, Any]] = field(default_factory=list)

    def begin(self) -> None:
        """Opens an empty page and listens to what it says."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """The window, and what its reader prefers."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", features=scheme)

    def without_scripts(self) -> None:
        """As a reader who does not let pages run any."""
        self.call("Emulation.setScriptExecutionDisabled", value=True)

    def open(self, page: Path, fragment: str = "") -> None:
        """Shows a file, and waits until it is there."""
        self.visit(page.as_uri() + (f"#{fragment}" if fragment else ""))

    def visit(self, address: str) -> None:
        """Shows a page by its address, and waits until it is loaded."""
        for url in ("about:blank", address):
            self._events.clear()
            self.call("Page.navigate", url=url)
            self._await("Page.loadEventFired")

    def evaluate(self, expression: str) -> Any:
        """The value of an expression, or of its promise; the page's own policy does not hold it back."""
        reply = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in reply, reply
        return reply["result"].get("value")

    def press(self, key: str) -> None:
        """One key, down and up."""
        codes = {"Tab": 9, "Enter": 13, " ": 32, "ArrowRight": 39}
        for kind in ("keyDown", "keyUp"):
            text = {"text": {"Enter": "\r"}.get(key, key)} if len(key) == 1 or key == "Enter" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=key, windowsVirtualKeyCode=codes[key], **text)

    def picture(self, path: Path, width: int, height: int, scale: float = 1.0) -> None:
        """The page's beginning as PNG."""
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": scale}
        reply = self.call("Page.captureScreenshot", clip=clip, captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(reply["data"]))

    def pdf(self) -> bytes:
        """The page as it prints."""
        return base64.b64decode(self.call("Page.printToPDF")["data"])

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command, and its answer."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        while True:
            event = self._next()
            if event.get("id") == self._count:
                assert "error" not in event, event
                return dict(event["result"])

    def _await(self, event: str) -> None:
        while not any(one["method"] == event for one in self._events):
            self._next()

    def _next(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE_S
        while b"\0" not in self._buffer:
            assert select.select([self._receive], [], [], max(0.0, end - time.monotonic()))[0], "no word of the browser"
            read = os.read(self._receive, 1 << 20)
            assert read, "the browser has gone"
            self._buffer += read
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        if "method" in message:
            self._events.append(message)
            self._listen(message["method"], message["params"])
        return message

    def _listen(self, event: str, params: dict[str, Any]) -> None:
        if event == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.complaints.append(params["entry"]["text"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(str(params["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and params["type"] in ("error", "assert"):
            self.complaints.append(str(params["args"]))
        elif event == "Page.javascriptDialogOpening":
            self.complaints.append(f"a dialog: {params['message']}")
        elif event == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])


@contextmanager
def started() -> Iterator[Browser]:
    """A browser with one empty page, which leaves nothing behind."""
    program = found()
    assert program is not None, "no browser here"
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        line = [sys.executable, "-c", LAUNCHER, str(theirs_in), str(theirs_out), program, *OPTIONS]
        process = subprocess.Popen(
            [*line, f"--user-data-dir={profile}"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=(theirs_in, theirs_out),
        )
        os.close(theirs_in)
        os.close(theirs_out)
        browser = Browser(ours_out, ours_in)
        try:
            browser.begin()
            yield browser
        finally:
            os.close(ours_out)
            os.close(ours_in)
            process.terminate()
            process.wait(PATIENCE_S)
