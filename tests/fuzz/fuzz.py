#!/usr/bin/env python3
"""Asks both listeners at random what their OpenAPI documents say can be asked, with good credentials:
`make fuzz-api`. A daarion beside a real Synapse must never answer 5xx, nor anything that its document
does not tell. Ends with an exit code.

Schemathesis asks; each operation gets so many cases, and both runs together must be as many as
--least says.
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "demo"))

from city import City, seed  # noqa: E402
from http_json import Refused, demand  # noqa: E402
from installation import SERVER_NAME, Installation, Ports  # noqa: E402
from processes import Failed  # noqa: E402

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
)
# They would end the session that everything else is asked with.
LEFT_OUT = ("logout", "endSession", "endOtherSessions")
# Files are shown to whoever has a signed address, and made-up ones are not signed.
FOR_NOBODY = ("GET /api/media/{server}/{media_id}", "GET /api/media/{server}/{media_id}/thumbnail")
# Who asks: the owner of the rooms, who runs the place as well.
PERSON = "alice"
SETTINGS = {
    "auth.operators": [f"@{PERSON}:{SERVER_NAME}"],
    "limits.service_per_second": 100_000,
    "limits.person_per_second": 100_000,
}

began = time.monotonic()


def say(text: str) -> None:
    print(f"fuzz {time.monotonic() - began:5.1f} s  {text}", flush=True)


def main() -> int:
    options = parse_arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(130))
    shutil.rmtree(options.state, ignore_errors=True)
    # Below the ports of outgoing connections, and above those that tests reserve.
    first = 32000 + os.getpid() % 250 * 3
    ports = Ports.choose(synapse=first, public=first + 1, internal=first + 2)
    installation = Installation(
        options.state, options.daarion, options.synapse, ports, say, SETTINGS
    )
    try:
        installation.start()
        fuzzed = fuzz(options, installation, seed(installation, say))
        installation.check_alive()
    except (Failed, Refused, OSError) as error:
        say(f"failed: {error}")
        fuzzed = False
    finally:
        is_clean = installation.stop()
    return 0 if fuzzed and is_clean else 1


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daarion", type=Path, default=ROOT / "target/debug/daarion")
    parser.add_argument("--synapse", type=Path, default=ROOT / "target/synapse/venv")
    parser.add_argument("--state", type=Path, default=ROOT / "target/fuzz/state")
    parser.add_argument("--examples", type=int, default=20, help="for each operation")
    parser.add_argument("--least", type=int, default=5_000, help="cases that must be asked")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(2**31))
    parser.add_argument("--only", help="the id of one operation")
    options = parser.parse_args()
    options.state = options.state.resolve()
    options.daarion = options.daarion.resolve()
    # A virtual environment is known by its path: its python is a link that must not be followed.
    options.synapse = options.synapse.absolute()
    return options


def fuzz(options: argparse.Namespace, installation: Installation, city: City) -> bool:
    known = known_things(installation, city)
    login = {"user": PERSON, "password": installation.password(PERSON)}
    grant = demand("POST", f"{installation.public_url}/api/auth/login", login)
    person = {"Authorization": f"Bearer {grant['access_token']}"}
    runs = (
        ("public", installation.public_url, person),
        ("internal", installation.internal_url, installation.service_headers),
    )
    cases, good = 0, True
    for name, url, headers in runs:
        document = (ROOT / "openapi" / f"{name}.json").read_text()
        if options.only and f'"operationId": "{options.only}"' not in document:
            continue
        count, passed = run(options, name, url, headers, known)
        say(f"{name}: {count} cases, {'passed' if passed else 'FAILED'}, seed {options.seed}")
        cases, good = cases + count, good and passed
    if cases < options.least and not options.only:
        say(f"failed: {cases} cases are fewer than {options.least}")
        return False
    return good


def known_things(installation: Installation, city: City) -> dict[str, list[str]]:
    headers = {**installation.service_headers, "X-User-Id": f"user:{PERSON}"}
    channels = [channel["id"] for channel in city.channels]
    messages = []
    for number, channel in enumerate(channels * 3):
        path = f"{installation.public_url}/api/messaging/channels/{channel}/messages"
        said = demand("POST", path, {"text": f"Добрий день, {number}"}, headers)
        messages.append(said["id"])
    rooms = [place["matrix_room_id"] for place in city.rooms + city.channels]
    people = [f"@bob:{SERVER_NAME}", f"@olena:{SERVER_NAME}"]
    return {
        "channel_id": channels,
        "message_id": messages,
        "thread_id": messages,
        "reply_to": messages,
        "slug": [room["slug"] for room in city.rooms],
        "emoji": ["👍", "🌻"],
        "agent_id": ["agent:sofia", "agent:atlas"],
        "room_id": rooms,
        "user_id": people,
        "user_matrix_id": people,
        "sender": ["user:bob", "agent:sofia"],
        "member_id": ["user:olena", "user:bob", "agent:sofia"],
        "microdao_id": ["microdao:daarion"],
    }


def run(
    options: argparse.Namespace,
    name: str,
    url: str,
    headers: dict[str, str],
    known: dict[str, list[str]],
) -> tuple[int, bool]:
    """One document. Answers how many cases there were, and whether all was well."""
    report = options.state / f"{name}.json"
    let_in = options.state / f"{name}.let-in"
    let_in.touch()
    command = [str(Path(sys.executable).with_name("schemathesis")), "run"]
    command += [str(ROOT / "openapi" / f"{name}.json"), "--url", url]
    command += ["--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"]
    # With two, CPython 3.11's parser fails now and then: it counts the depth of all threads as one.
    command += ["--max-examples", str(options.examples), "--workers", "1"]
    command += ["--seed", str(options.seed), "--request-timeout", "60", "--no-color"]
    command += ["--suppress-health-check", "all", "--continue-on-failure", "--no-shrink"]
    command += ["--report", "json", "--report-json-path", str(report)]
    for operation in LEFT_OUT:
        command += ["--exclude-operation-id", operation]
    if options.only:
        command += ["--include-operation-id", options.only]
    for header, value in headers.items():
        command += ["--header", f"{header}: {value}"]
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "hooks",
        "PYTHONPATH": str(HERE),
        "FUZZ_KNOWN": json.dumps(known),
        "FUZZ_LET_IN": str(let_in),
    }
    log = options.state / f"{name}.log"
    with log.open("w") as output:
        result = subprocess.run(
            command, env=environment, cwd=options.state, stdout=output, stderr=output, check=False
        )
    text = log.read_text()
    if result.returncode != 0:
        print(text, flush=True)
    found = json.loads(report.read_text())
    passed = {*FOR_NOBODY, *let_in.read_text().splitlines()}
    shut_out = [place for place in found["warnings"]["missing_auth"] if place not in passed]
    if shut_out:
        say(f"failed: the credentials are no good for {', '.join(shut_out)}")
    return found["test_cases"]["generated"], result.returncode == 0 and not shut_out


if __name__ == "__main__":
    sys.exit(main())
