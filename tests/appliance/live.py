"""The first frame of a live stream, which says where it begins."""

import base64
import json
import os
import socket
from typing import Any
from urllib.parse import urlsplit

LIMIT_S = 10


def opening(url: str, headers: dict[str, str]) -> Any:
    parts = urlsplit(url)
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {parts.path}?{parts.query} HTTP/1.1", f"Host: {parts.netloc}"]
    lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
    lines += [f"Sec-WebSocket-Key: {key}", *(f"{name}: {of}" for name, of in headers.items())]
    place = (parts.hostname, parts.port)
    with socket.create_connection(place, LIMIT_S) as connection, connection.makefile("rb") as told:
        connection.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        head = [told.readline()]
        while head[-1].strip():
            head.append(told.readline())
        assert b" 101 " in head[0], head
        # RFC 6455, section 5.2; what a server says is not masked, and this is short.
        length = told.read(2)[1]
        if length == 126:
            length = int.from_bytes(told.read(2), "big")
        return json.loads(told.read(length))
