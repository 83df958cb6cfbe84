#!/usr/bin/env python3
"""A small city on a real Synapse, for anybody who wants to see daarion work: `make demo`.

Without options it runs until Ctrl-C, on state under target/demo that the next start finds again.
With --check it starts on fresh state and free ports, runs each curl line that it would print,
starts a second time, and ends with an exit code.
"""

import argparse
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from city import City, Talk, seed
from http_json import Refused
from installation import ADMIN, PEOPLE, SERVER_NAME, Installation, Ports
from lines import curl_lines, run
from processes import Failed
from state import held

SECOND_START_LIMIT_S = 15

started_at = time.monotonic()
stop_asked = threading.Event()


def say(text: str) -> None:
    print(f"demo {time.monotonic() - started_at:5.1f} s  {text}", flush=True)


class Interrupted(Exception):
    """SIGINT, SIGTERM or SIGHUP came while something was being done."""


def on_signal(_number: int, _frame: object) -> None:
    if not stop_asked.is_set():
        stop_asked.set()
        raise Interrupted


def main() -> int:
    options = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    try:
        with held(options.state):
            return check(options) if options.check else show(options)
    except Interrupted:
        return 0 if not options.check else 130
    except (Failed, Refused, OSError) as error:
        say(f"failed: {error}")
        return 1


def parse_arguments() -> argparse.Namespace:
    root = Path(__file__).resolve().parent.parent.parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daarion", type=Path, default=root / "target/release/daarion")
    parser.add_argument("--synapse", type=Path, default=root / "target/synapse/venv")
    parser.add_argument("--state", type=Path, help="default: target/demo, or target/demo-check")
    parser.add_argument("--check", action="store_true", help="try everything out, and stop")
    options = parser.parse_args()
    default = root / "target" / ("demo-check" if options.check else "demo")
    options.state = (options.state or default).resolve()
    # Both run with the state as their directory.
    options.daarion = options.daarion.resolve()
    # A virtual environment is known by its path: its python is a link that must not be followed.
    options.synapse = options.synapse.absolute()
    return options


def show(options: argparse.Namespace) -> int:
    ports = Ports.choose(synapse=8008, public=7004, internal=7003)
    installation = Installation(options.state, options.daarion, options.synapse, ports, say)
    talk = None
    try:
        city = start(installation)
        talk = Talk(installation, city, say)
        talk.start()
        print_guide(installation, city)
        while not stop_asked.wait(1):
            installation.check_alive()
    except Interrupted:
        print(flush=True)
    finally:
        stop_asked.set()
        say("stopping")
        if talk:
            talk.stop()
        is_clean = installation.stop()
        say("stopped")
    return 0 if is_clean else 1


def start(installation: Installation) -> City:
    installation.start()
    return seed(installation, say)


def print_guide(installation: Installation, city: City) -> None:
    rows = [
        f"ready in {time.monotonic() - started_at:.1f} s; Ctrl-C stops everything",
        "",
        f"  API documentation   {installation.public_url}/docs",
        f"  Health              {installation.public_url}/healthz",
        f"  Matrix homeserver   {installation.synapse_url} (for any Matrix client)",
        f"  State and logs      {installation.state}",
        "",
        "  Accounts (the same in Matrix clients):",
    ]
    for localpart in (*PEOPLE, ADMIN):
        user_id = f"@{localpart}:{SERVER_NAME}"
        rows.append(f"    {user_id:<27} password {installation.password(localpart)}")
    rows += ["", f"  City rooms: {', '.join(room['slug'] for room in city.rooms)}", ""]
    for line in curl_lines(installation, city):
        rows += [f"  # {line.title}", f"  {line.command}", ""]
    print("\n".join(rows), flush=True)


def check(options: argparse.Namespace) -> int:
    shutil.rmtree(options.state, ignore_errors=True)
    # Away from the ports of a running demo, and below those of outgoing connections.
    first = 30000 + os.getpid() % 2000
    ports = Ports.choose(synapse=first, public=first + 1, internal=first + 2)
    results = Results()
    try:
        city = check_start(options, ports, results, is_first=True)
        again = check_start(options, ports, results, is_first=False)
        same = [place["id"] for place in city.rooms + city.channels] == [
            place["id"] for place in again.rooms + again.channels
        ]
        results.add("the second start finds the same city", "" if same else "other ids")
    except (Failed, Refused, OSError) as error:
        results.add("the city stands", str(error))
    print(f"{results.passed} passed, {results.failed} failed", flush=True)
    return 1 if results.failed else 0


def check_start(
    options: argparse.Namespace, ports: Ports, results: "Results", is_first: bool
) -> City:
    """Starts, tries out, stops."""
    began = time.monotonic()
    installation = Installation(options.state, options.daarion, options.synapse, ports, say)
    talk = None
    try:
        city = start(installation)
        talk = Talk(installation, city, say)
        talk.start()
        took = time.monotonic() - began
        if is_first:
            for line in curl_lines(installation, city):
                results.add(f"{line.title}\n      {line.command}", run(line))
        else:
            late = "" if took < SECOND_START_LIMIT_S else f"took {took:.1f} s"
            results.add(f"the second start takes under {SECOND_START_LIMIT_S} s ({took:.1f})", late)
    finally:
        if talk:
            talk.stop()
        is_clean = installation.stop()
    name = "first" if is_first else "second"
    results.add(f"the {name} start stops cleanly", "" if is_clean else "see above")
    return city


class Results:
    def __init__(self) -> None:
        self.passed = 0
        self.failed = 0

    def add(self, title: str, problem: str) -> None:
        if problem:
            self.failed += 1
            print(f"FAIL  {title}\n      {problem}", flush=True)
        else:
            self.passed += 1
            print(f"ok    {title}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
