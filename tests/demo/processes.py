"""Child processes of the demo: started with their output in a file, stopped by pid."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from http_json import ask

STOP_LIMIT_S = 15


class Failed(Exception):
    """A server that did not start, or ended by itself."""


def clean_environment() -> dict[str, str]:
    """What a program needs to run, and none of the variables that would configure it."""
    kept = ("PATH", "HOME", "TMPDIR", "LANG")
    return {name: os.environ[name] for name in kept if name in os.environ}


class Server:
    def __init__(self, name: str, command: list[str], log: Path, cwd: Path) -> None:
        self.name = name
        self.log = log
        self._is_ready = False
        # Should the demo itself be killed, the kernel ends its servers. A session of their own
        # keeps Ctrl-C from them: the demo stops them in order.
        if shutil.which("setpriv"):
            command = ["setpriv", "--pdeathsig", "TERM", "--", *command]
        with log.open("wb") as output:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_until(self, url: str, limit_s: float) -> None:
        """Waits until `url` answers 200."""
        deadline = time.monotonic() + limit_s
        last: object = "no answer"
        while time.monotonic() < deadline:
            if self.has_ended:
                raise Failed(self.explain("ended while it started"))
            try:
                status, last = ask("GET", url, timeout=5)
                if status == 200:
                    self._is_ready = True
                    return
            except OSError as error:
                last = error
            time.sleep(0.05)
        raise Failed(self.explain(f"was not ready within {limit_s:.0f} s ({last})"))

    def explain(self, what: str) -> str:
        tail = self.log.read_text(errors="replace").splitlines()[-30:]
        return "\n".join([f"{self.name} {what}; {self.log} ends:", *tail])

    def stop(self) -> int:
        """SIGTERM, and SIGKILL if that does not help. Answers the exit code."""
        if not self.has_ended:
            os.kill(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        return self._process.wait()

    def is_clean_end(self, code: int) -> bool:
        # While it starts, a server does not yet answer the signal itself.
        return code == 0 or (code == -signal.SIGTERM and not self._is_ready)


def stop_all(servers: list[Server], say: Callable[[str], None]) -> bool:
    """Stops the last one first. Answers whether all ended as they should."""
    is_clean = True
    for server in reversed(servers):
        code = server.stop()
        if not server.is_clean_end(code):
            say(f"{server.name} ended with code {code}; see {server.log}")
            is_clean = False
    return is_clean
