"""A small web server on loopback for pages that a test writes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class PageServer:
    """What it serves by path, what it was asked, and what the requests said of who asks."""

    address: str
    pages: dict[str, Answer | Callable[[str], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    bodies: list[bytes] = field(default_factory=list)

    def html(self, path: str, text: str, status: int = 200, **headers: str) -> str:
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        self.pages[path] = (status, {"Content-Type": "text/html; charset=utf-8", **said}, text.encode())
        return self.address + path


@contextmanager
def serving(host: str = "127.0.0.1") -> Iterator[PageServer]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            server.asked.append(self.path)
            server.agents.add(self.headers.get("User-Agent", ""))
            if length := int(self.headers.get("Content-Length", 0)):
                server.bodies.append(self.rfile.read(length))
            found = server.pages.get(self.path.partition("?")[0], (404, {}, b"no"))
            status, headers, body = found(self.path) if callable(found) else found
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            return

    http = ThreadingHTTPServer((host, 0), Handler)
    http.daemon_threads = True
    server = PageServer(f"http://{host}:{http.server_port}")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        thread.join()
        http.server_close()
