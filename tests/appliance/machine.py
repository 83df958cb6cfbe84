"""A Debian machine with systemd as PID 1, in namespaces of its own.

Its files lie in one directory, made from a tarball; its network is that of this process, which is
one of its own as well (see appliance.py). The host sees its processes and nothing else of it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
HERE = Path(__file__).resolve().parent
BOOT_LIMIT_S = 60
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "dumb",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}


class Broken(Exception):
    """The machine does not do what every machine does."""


class Failed(Exception):
    """A command inside failed; the text has its output."""


def wait_for(what: str, limit_s: float, look: Callable[[], T | None]) -> T:
    """The first answer of `look` that is one."""
    deadline = time.monotonic() + limit_s
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {limit_s:.0f} s")
        time.sleep(0.05)


class Machine:
    def __init__(self, root: Path, shared: list[Path], cgroups: Path) -> None:
        self.root = root
        self._shared = shared
        self._cgroup = cgroups / f"daarion-appliance-{os.getpid()}"
        self._outer: subprocess.Popen[bytes] | None = None
        self._init = 0

    def boot(self) -> None:
        """Starts it and waits until systemd is done."""
        self._cgroup.mkdir(exist_ok=True)
        namespaces = ["--pid", "--fork", "--kill-child", "--mount", "--propagation", "private"]
        namespaces += ["--cgroup", "--uts", "--ipc"]
        # The group is entered first: the root of the new group namespace is where it is made.
        enter = f'echo $$ > "{self._cgroup}/cgroup.procs" && exec "$@"'
        command = ["sh", "-c", enter, "sh", "unshare", *namespaces, "--"]
        command += [str(HERE / "boot.sh"), str(self.root), *map(str, self._shared)]
        with (self.root.parent / "console.log").open("ab") as console:
            self._outer = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console
            )
        self._init = wait_for("a first process", BOOT_LIMIT_S, self._find_init)
        wait_for("a system that is up", BOOT_LIMIT_S, self._is_up)

    def _find_init(self) -> int | None:
        assert self._outer
        if self._outer.poll() is not None:
            console = (self.root.parent / "console.log").read_text(errors="replace")
            raise Broken(f"the machine does not boot: {console[-2000:]}")
        outer = self._outer.pid
        children = Path(f"/proc/{outer}/task/{outer}/children").read_text().split()
        if not children:
            return None
        # Until then it is boot.sh, and the files are not where they will be.
        name = Path(f"/proc/{children[0]}/comm").read_text().strip()
        return int(children[0]) if name == "systemd" else None

    def _is_up(self) -> bool:
        state = self.run("systemctl", "is-system-running", check=False)
        return state.strip() in ("running", "degraded")

    def run(self, *command: str, check: bool = True, stdin: str = "", limit_s: float = 120) -> str:
        """Runs a command inside and gives what it prints."""
        entered = ["nsenter", "-t", str(self._init), "-m", "-p", "-u", "-i", "-C", "-r", "-w"]
        done = subprocess.run(
            [*entered, "--", *command],
            env=ENVIRONMENT,
            input=stdin.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=limit_s,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if check and done.returncode != 0:
            raise Failed(f"{' '.join(command)} ended with {done.returncode}:\n{output}")
        return output

    def exit_code(self, *command: str) -> int:
        output = self.run("sh", "-c", '"$@" >/dev/null 2>&1; echo $?', "sh", *command)
        return int(output.split()[-1])

    def fails(self, *command: str) -> str:
        """Runs a command that has to fail, and gives what it prints."""
        try:
            output = self.run(*command)
        except Failed as error:
            return str(error)
        raise Failed(f"{' '.join(command)} did not fail:\n{output}")

    def property(self, unit: str, name: str) -> str:
        return self.run("systemctl", "show", "--property", name, "--value", unit).strip()

    def file(self, path: str) -> Path:
        """A file of the machine as the host sees it; not one of /run, /tmp and /dev."""
        return self.root / path.lstrip("/")

    def write(self, path: str, text: str, mode: int = 0o644) -> None:
        file = self.file(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(mode)

    def reboot(self) -> None:
        self.run("systemctl", "reboot", check=False)
        assert self._outer
        try:
            self._outer.wait(BOOT_LIMIT_S)
        except subprocess.TimeoutExpired:
            raise Broken("the machine does not go down") from None
        self.boot()

    def stop(self) -> None:
        """Ends everything in it, and takes its group of processes away."""
        if self._outer and self._outer.poll() is None:
            # The kernel ends the others with the first process of their namespace.
            if self._init:
                os.kill(self._init, signal.SIGKILL)
            else:
                self._outer.kill()
            self._outer.wait(BOOT_LIMIT_S)
        if self._cgroup.exists():
            wait_for("an empty control group", 10, self._remove_cgroup)

    def _remove_cgroup(self) -> bool:
        folders = sorted(self._cgroup.rglob("*"), reverse=True)
        try:
            for folder in folders:
                if folder.is_dir():
                    folder.rmdir()
            self._cgroup.rmdir()
        except OSError:
            return False
        return True
