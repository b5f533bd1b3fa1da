"""Run the application with uvicorn until it is told to end."""

from __future__ import annotations

import math
import socket
from typing import Any

from tellapart.errors import OptionError
from tellapart.progress import Progress

KEEP_ALIVE_S = 5
BACKLOG = 256


def serve_until_ended(app: Any, *, host: str, port: int, deadline_s: float, progress: Progress) -> None:
    """Listen, answer, and on Ctrl-C or TERM answer what has come in before it ends.

    Raises:
        OptionError: the address cannot be listened on.
    """
    listening = listen(host, port)
    progress.note(f"{address_of(listening)}  (Ctrl-C ends it)")
    answer_until_ended(app, listening, deadline_s)


def address_of(listening: socket.socket) -> str:
    """The address to open, without a path."""
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def answer_until_ended(app: Any, listening: socket.socket, deadline_s: float) -> None:
    """Answer what comes in at a socket, which is closed at the end."""
    import uvicorn

    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(deadline_s),
        backlog=BACKLOG,
    )
    try:
        uvicorn.Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        pass  # the signal is raised again once all is answered: this is how a service ends
    finally:
        listening.close()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        OptionError: the address cannot be listened on.
    """
    try:
        listening = socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(f"cannot listen on {host}, port {port}: {reason}", hint="--port 0 takes a free one") from error
    # Otherwise the end of an answer waits until the client has confirmed its beginning, which takes 40 ms.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening
