"""The gateway in front of one model server, found through a register that never changes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

from benchmarks.serving_rivals import ROOT


def start_gateway(port: int, upstream: int, stack: ExitStack) -> subprocess.Popen[bytes]:
    """Start a gateway on `port` for the model server on `upstream`."""
    over = Event()
    listing = {
        "version": 1,
        "endpoints": [{"address": f"127.0.0.1:{upstream}", "pod": "model-server-0", "release": "dev"}],
    }

    class Register(BaseHTTPRequestHandler):
        """Answers like discovery: at once to who has not asked before, else when something changes or after a while."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if "after=1" in self.path:
                over.wait(15)
                self.close_connection = over.is_set()
            if over.is_set():
                return
            content = json.dumps(listing).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    register = ThreadingHTTPServer(("127.0.0.1", 0), Register)
    register.daemon_threads = True
    Thread(target=register.serve_forever, daemon=True).start()
    stack.callback(register.server_close)
    stack.callback(register.shutdown)
    stack.callback(over.set)
    process = subprocess.Popen(
        [sys.executable, "-m", "stack.gateway", "--host=127.0.0.1", f"--port={port}",
         f"--discovery=http://127.0.0.1:{register.server_port}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)}, cwd=ROOT, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    stack.callback(process.wait)
    stack.callback(process.terminate)
    return process
