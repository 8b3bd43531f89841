"""Chromium without a window, driven over its DevTools pipe: no driver and no package are needed."""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PATIENCE = 600  # seconds that one answer may take on a busy machine


def find():
    """Return the program of a Chromium on this machine, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One page of one Chromium.

    Attributes
    ----------
    faults : list of str
        What went wrong since the last `open`: errors of the console and of scripts, and files that did not load.
    """

    def __init__(self, program, profile):
        options = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
        options += ["--allow-file-access-from-files"]  # a page from a file may load its own fonts
        options += ["--remote-debugging-pipe", f"--user-data-dir={profile}", "about:blank"]
        if os.geteuid() == 0:
            options.insert(0, "--no-sandbox")  # Chromium refuses to run as root with it
        # DevTools listens on descriptor 3 and answers on 4.
        script = 'exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1'
        self.process = subprocess.Popen(
            ["sh", "-c", script, "sh", program, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self.unread, self.count, self.session = b"", 0, None
        self.faults, self.seen, self.urls = [], set(), {}
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self):
        """End the browser."""
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()

    def call(self, method, **parameters):
        """Return the answer to one command of the DevTools protocol."""
        self.count += 1
        message = {"id": self.count, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.process.stdin.write(json.dumps(message).encode() + b"\0")
        self.process.stdin.flush()
        while True:
            answer = self._next()
            if answer.get("id") == self.count:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return answer["result"]

    def show(self, width, height=900, scheme="light"):
        """Set the size of the window in pixels, and what the reader prefers: light or dark."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, url):
        """Open a page, and wait until it is loaded and its equations are set."""
        self.faults, self.seen, self.urls = [], set(), {}
        self.call("Page.navigate", url=url)
        while "Page.loadEventFired" not in self.seen:
            self._next()
        self.evaluate("window.MathJax && MathJax.startup ? MathJax.startup.promise.then(() => true) : true")

    def evaluate(self, expression):
        """Return the value of a JavaScript expression in the page."""
        found = self.call("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def _next(self):
        """Return the next message of the browser; note what it says of faults."""
        deadline = time.monotonic() + PATIENCE
        while b"\0" not in self.unread:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, deadline - time.monotonic()))
            assert ready, "the browser does not answer"
            part = os.read(self.process.stdout.fileno(), 1 << 20)
            assert part, "the browser has ended"
            self.unread += part
        first, self.unread = self.unread.split(b"\0", 1)
        message = json.loads(first)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, event, about):
        self.seen.add(event)
        if event == "Network.requestWillBeSent":
            url = self.urls[about["requestId"]] = about["request"]["url"]
            if not url.startswith(("file:", "data:", "blob:")):
                self.faults.append(f"asks the network for {url}")
        elif event == "Network.loadingFailed" and not about.get("canceled"):
            self.faults.append(f"does not load {self.urls.get(about['requestId'])}: {about['errorText']}")
        elif event == "Runtime.exceptionThrown":
            self.faults.append(f"script: {about['exceptionDetails'].get('exception', {}).get('description', about)}")
        elif event == "Runtime.consoleAPICalled" and about["type"] in ("error", "assert"):
            self.faults.append(f"console: {about['args']}")
        elif event == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.faults.append(f"log: {about['entry']['text']} {about['entry'].get('url', '')}")
