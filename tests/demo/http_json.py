"""JSON over HTTP with the standard library, straight to the loopback whatever proxy is set."""

import json
import urllib.error
import urllib.request
from typing import Any

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Refused(Exception):
    """An answer that the demo cannot go on with."""


def ask(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    timeout: float = 30,
) -> tuple[int, Any]:
    """The status and the parsed body. Raises OSError when nothing answers."""
    request = urllib.request.Request(url, method=method, headers=headers or {})
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    try:
        with _opener.open(request, timeout=timeout) as response:
            return response.status, _parsed(response.read())
    except urllib.error.HTTPError as error:
        with error:
            return error.code, _parsed(error.read())


def demand(
    method: str,
    url: str,
    body: Any = None,
    headers: dict[str, str] | None = None,
    accept: tuple[int, ...] = (),
) -> Any:
    """The parsed body of an answer that succeeded, or has a status of `accept`."""
    status, answer = ask(method, url, body, headers)
    if not 200 <= status < 300 and status not in accept:
        raise Refused(f"{method} {url} was refused: {status} {answer}")
    return answer


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")
