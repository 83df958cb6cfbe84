#!/usr/bin/env python3
"""The package on a real Debian with a real systemd: `make test-appliance`.

It needs root, namespaces, a cgroup2, debootstrap and, once, a Debian mirror. Where one of them is
missing it says so and counts as skipped, unless DAARION_APPLIANCE=required. It runs in a network of its own, so the
usual ports are free and nothing outside is reached.
"""

import argparse
import fcntl
import os
import platform
import shutil
import socket
import struct
import subprocess
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "demo"))
sys.dont_write_bytecode = True

from machine import Broken, Failed, Machine  # noqa: E402
from story import STORY, Story  # noqa: E402

INSIDE = "DAARION_APPLIANCE_INSIDE"
# What root.sh ends with.
NO_MIRROR = 75
# The C library of the Debian that root.sh makes.
GLIBC = (2, 36)


def main() -> int:
    options = parse_arguments()
    if reason := missing():
        return skip(reason)
    if INSIDE not in os.environ:
        base = subprocess.run(
            [HERE / "root.sh"], stdout=subprocess.PIPE, text=True, check=False
        )
        if base.returncode == NO_MIRROR:
            return skip("no Debian mirror can be reached (DAARION_DEBIAN_MIRROR names another)")
        if base.returncode != 0:
            print("appliance: no Debian system could be made", file=sys.stderr)
            return 1
        os.environ[INSIDE] = base.stdout.strip()
        arguments = ["unshare", "--net", "--", sys.executable, "-B", *sys.argv]
        os.execvp(arguments[0], arguments)
    bring_loopback_up()
    return tell(options, Path(os.environ[INSIDE]))


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daarion", type=Path, default=ROOT / "target/release/daarion")
    parser.add_argument("--synapse", type=Path, default=ROOT / "target/synapse/venv")
    parser.add_argument("--state", type=Path, default=ROOT / "target/appliance")
    parser.add_argument("--keep", action="store_true", help="leave the files of the machine")
    options = parser.parse_args()
    options.daarion = options.daarion.resolve()
    options.synapse = options.synapse.absolute()
    return options


def missing() -> str | None:
    """What this machine lacks."""
    if os.geteuid() != 0:
        return "it needs root"
    for tool in ("unshare", "nsenter", "debootstrap", "wget", "dpkg-shlibdeps", "tar"):
        if not shutil.which(tool):
            return f"{tool} is missing (Debian: apt-get install debootstrap dpkg-dev wget)"
    name, version = platform.libc_ver()
    if name != "glibc" or tuple(map(int, version.split("."))) > GLIBC:
        return f"what is built here does not run on Debian 12: it needs {name} {version}"
    if cgroups() is None:
        return "no writable cgroup2 is mounted"
    trial = ["unshare", "--pid", "--fork", "--kill-child", "--mount", "--propagation", "private"]
    trial += ["--cgroup", "--uts", "--ipc", "--net", "sh", "-c"]
    trial += ["mount -t tmpfs tmpfs /mnt && mknod /mnt/null c 1 3 && mount -t cgroup2 none /mnt"]
    tried = subprocess.run(trial, capture_output=True, text=True, check=False)
    return f"namespaces: {tried.stderr.strip()}" if tried.returncode != 0 else None


def cgroups() -> Path | None:
    """The group that new groups can be made in."""
    for line in Path("/proc/mounts").read_text().splitlines():
        _, place, kind, *_ = line.split()
        if kind == "cgroup2" and os.access(place, os.W_OK):
            return Path(place)
    return None


def skip(reason: str) -> int:
    line = f"SKIPPED  the package was not tried on a real system: {reason}"
    rule = "=" * len(line)
    print(f"{rule}\n{line}\n{rule}\n0 passed, 0 failed, {len(STORY)} skipped", flush=True)
    return 1 if os.environ.get("DAARION_APPLIANCE") == "required" else 0


def bring_loopback_up() -> None:
    is_up, set_flags = 0x1, 0x8914
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, set_flags, struct.pack("16sh14x", b"lo", is_up))


def tell(options: argparse.Namespace, base: Path) -> int:
    """Tells the story; what a failed step leaves behind makes those after it worthless."""
    for left in options.state.glob("run-*"):
        # Of a run that was killed; nothing is mounted there that outlived it.
        if not Path(f"/proc/{left.name.removeprefix('run-')}").exists():
            shutil.rmtree(left, ignore_errors=True)
    state = options.state / f"run-{os.getpid()}"
    root = state / "root"
    root.mkdir(parents=True)
    group = cgroups()
    assert group
    mounts = Path("/proc/self/mounts").read_text()
    shared = [options.synapse]
    python = (options.synapse / "bin/python").resolve()
    if not python.is_relative_to("/usr"):
        shared.append(python.parent.parent)
    machine = Machine(root, shared, group)
    passed = failed = 0
    try:
        subprocess.run(["tar", "-C", root, "-xf", base], check=True)
        story = Story(machine, options.daarion, options.synapse, state)
        for title, step in STORY:
            began = time.monotonic()
            try:
                step(story)
            except Exception as error:  # noqa: BLE001, whatever it is, it is told
                failed = 1
                print(f"FAIL  {title}\n{explain(error)}\n{story.logs()}", flush=True)
                break
            passed += 1
            print(f"ok    {title} ({time.monotonic() - began:.1f} s)", flush=True)
    finally:
        machine.stop()
        if not options.keep:
            shutil.rmtree(state, ignore_errors=True)
    if Path("/proc/self/mounts").read_text() != mounts:
        failed += 1
        print("FAIL  the host's mounts are as they were", flush=True)
    left = len(STORY) - passed - min(failed, 1)
    print(f"{passed} passed, {failed} failed, {max(left, 0)} skipped", flush=True)
    return 1 if failed else 0


def explain(error: Exception) -> str:
    if isinstance(error, Broken | Failed | AssertionError) and str(error):
        last = traceback.extract_tb(error.__traceback__)[-1]
        return f"      {last.filename}:{last.lineno}: {error}"
    return "".join(traceback.format_exception(error))


if __name__ == "__main__":
    sys.exit(main())
