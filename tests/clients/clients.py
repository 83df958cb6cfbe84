#!/usr/bin/env python3
"""Makes a Python client and TypeScript types of openapi/*.json, warnings being errors, and runs
story.py and story.ts with them; before that it tries what the messaging document prints (document.py).
Ends with an exit code."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent / "demo"))

from http_json import Refused, demand  # noqa: E402
from installation import SERVER_NAME, Installation, Ports  # noqa: E402
from processes import Failed  # noqa: E402

NODE_MODULES = ROOT / "ui/node_modules"
LIMIT_S = 120
began = time.monotonic()


def say(text: str) -> None:
    print(f"clients {time.monotonic() - began:5.1f} s  {text}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--daarion", type=Path, default=ROOT / "target/debug/daarion")
    parser.add_argument("--synapse", type=Path, default=ROOT / "target/synapse/venv")
    parser.add_argument("--state", type=Path, default=ROOT / "target/clients")
    options = parser.parse_args()
    state = options.state.resolve()
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    try:
        make_python(state)
        make_typescript(state)
        return 0 if live(options, state) else 1
    except (Failed, Refused, OSError) as error:
        say(f"failed: {error}")
        return 1


def run(command: list[str | Path], cwd: Path, environment: dict[str, str] | None = None) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    said = result.stdout + result.stderr
    if result.returncode != 0:
        raise Failed(f"{Path(command[0]).name} ended with {result.returncode}:\n{said}")
    return said


def make_python(state: Path) -> None:
    for name in ("public", "internal"):
        command = [Path(sys.executable).with_name("openapi-python-client"), "generate"]
        command += ["--path", ROOT / "openapi" / f"{name}.json", "--meta", "none"]
        command += ["--output-path", state / f"daarion_{name}", "--fail-on-warning"]
        command += ["--config", HERE / "python.yaml"]
        # It formats what it has made with ruff, which stands beside it.
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        run(command, state, {"PATH": path})
    say("the Python clients are made")


def make_typescript(state: Path) -> None:
    folder = state / "typescript"
    folder.mkdir()
    (folder / "node_modules").symlink_to(NODE_MODULES)
    (folder / "package.json").write_text('{"type": "module"}')
    shutil.copy(HERE / "story.ts", folder)
    binaries = NODE_MODULES / ".bin"
    for name in ("public", "internal"):
        document = ROOT / "openapi" / f"{name}.json"
        # A field with a default may be left out of a request, which the generator has to be told.
        command = [binaries / "openapi-typescript", document, "-o", folder / f"{name}.d.ts"]
        run([*command, "--default-non-nullable", "false"], folder)
    options = {
        "strict": True,
        "target": "es2022",
        "module": "nodenext",
        "lib": ["es2022", "dom"],
        "types": [],
    }
    configuration = {"compilerOptions": options, "files": ["story.ts"]}
    (folder / "tsconfig.json").write_text(json.dumps(configuration))
    run([binaries / "tsc"], folder)
    say("the TypeScript client is made, and its types agree")


def live(options: argparse.Namespace, state: Path) -> bool:
    first = 31000 + os.getpid() % 300 * 3
    ports = Ports.choose(synapse=first, public=first + 1, internal=first + 2)
    # A virtual environment is known by its path: its python is a link that must not be followed.
    installation = Installation(
        state / "city", options.daarion.resolve(), options.synapse.absolute(), ports, say
    )
    try:
        installation.start()
        agent = {"id": "agent:sofia", "display_name": "Sofia"}
        url = f"{installation.internal_url}/internal/agents"
        demand("POST", url, agent, installation.service_headers)
        for number, command in enumerate((
            [sys.executable, "-B", HERE / "document.py"],
            [sys.executable, "-B", HERE / "story.py"],
            ["node", state / "typescript/story.js"],
        )):
            told = {
                "public": installation.public_url,
                "internal": installation.internal_url,
                "secret": installation.secrets["internal_secret"],
                "synapse": installation.synapse_url,
                "server": SERVER_NAME,
                "password": installation.password("alice"),
                "password_of_bob": installation.password("bob"),
                "slug": f"story-{number}",
            }
            environment = {"STORY": json.dumps(told), "PYTHONPATH": str(state)}
            say(run(command, state, environment).strip())
    finally:
        is_clean = installation.stop()
    return is_clean


if __name__ == "__main__":
    sys.exit(main())
