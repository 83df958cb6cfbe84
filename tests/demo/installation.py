"""A Synapse and a daarion that know each other, on state that outlives the demo.

Everything lies in one folder: secrets (made at the first start), configuration (`daarion setup` is
run at each start, since ports may have been taken), data and logs.
"""

import hashlib
import hmac
import json
import os
import secrets
import socket
import subprocess
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from http_json import ask, demand
from processes import Failed, Server, clean_environment, stop_all

SERVER_NAME = "daarion.localhost"
PEOPLE = ("alice", "bob", "olena")
ADMIN = "admin"
SYNAPSE_LIMIT_S = 60
DAARION_LIMIT_S = 30
COMMAND_LIMIT_S = 30

BASE_CONFIGURATION = Path(__file__).resolve().parent.parent / "homeserver" / "base.yaml"

@dataclass(frozen=True)
class Ports:
    synapse: int
    public: int
    internal: int

    @classmethod
    def choose(cls, synapse: int, public: int, internal: int) -> "Ports":
        """The preferred ones, or for each the next that is free."""
        taken: set[int] = set()
        return cls(*(_free_port(port, taken) for port in (synapse, public, internal)))


def _free_port(preferred: int, taken: set[int]) -> int:
    for port in range(preferred, 65536):
        if port in taken:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
                # A listener elsewhere on the port is only noticed here.
                probe.listen()
            except OSError:
                continue
        taken.add(port)
        return port
    raise Failed(f"no free port from {preferred}")


class Installation:
    def __init__(
        self,
        state: Path,
        daarion: Path,
        venv: Path,
        ports: Ports,
        say: Callable[[str], None],
        settings: dict[str, Any] | None = None,
    ) -> None:
        self.state = state
        self.ports = ports
        self._daarion = daarion
        self._python = venv / "bin" / "python"
        self._say = say
        self._more_settings = settings or {}
        self._servers: list[Server] = []
        state.mkdir(parents=True, exist_ok=True)
        self.secrets = self._load_secrets()

    @property
    def synapse_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.synapse}"

    @property
    def public_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.public}"

    @property
    def internal_url(self) -> str:
        return f"http://127.0.0.1:{self.ports.internal}"

    @property
    def service_headers(self) -> dict[str, str]:
        return {"X-Internal-Service-Token": self.secrets["internal_secret"]}

    def password(self, localpart: str) -> str:
        return self.secrets["accounts"][localpart]["password"]

    def access_token(self, localpart: str) -> str:
        return self.secrets["accounts"][localpart]["access_token"]

    def matrix_headers(self, localpart: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token(localpart)}"}

    def start(self) -> None:
        self._write_synapse_configuration()
        self._set_up()
        self._start_synapse()
        self._make_accounts()
        # Once more: the administrator's token is known only now.
        self._set_up()
        self._start_daarion()

    def stop(self) -> bool:
        servers, self._servers = self._servers, []
        return stop_all(servers, self._say)

    def check_alive(self) -> None:
        for server in self._servers:
            if server.has_ended:
                raise Failed(server.explain("ended by itself"))

    # What is written.

    def _load_secrets(self) -> dict[str, Any]:
        path = self.state / "secrets.json"
        if path.exists():
            return json.loads(path.read_text())
        names = ("shared_secret", "macaroon", "form")
        made: dict[str, Any] = {name: secrets.token_urlsafe(32) for name in names}
        made["accounts"] = {
            localpart: {"password": secrets.token_hex(5), "access_token": ""}
            for localpart in (*PEOPLE, ADMIN)
        }
        return made

    def _save_secrets(self) -> None:
        _write(self.state / "secrets.json", json.dumps(self.secrets, indent=2))

    def _set_up(self) -> None:
        """As an administrator would: the same tokens at every start, which setup makes and keeps."""
        settings: dict[str, Any] = {
            "data_dir": str(self.state / "daarion"),
            "listen.public": [f"127.0.0.1:{self.ports.public}"],
            "listen.internal": [f"127.0.0.1:{self.ports.internal}"],
            "listen.admin": str(self._admin_socket()),
            "matrix.connector_url": self.internal_url,
            "matrix.admin_token": self.access_token(ADMIN),
            # For the demo alone: whoever reaches the loopback may act as anybody, by X-User-Id.
            "auth.insecure_user_header": True,
            **self._more_settings,
        }
        command = [str(self._daarion), "setup", "--yes", "--config", str(self._configuration)]
        command += ["--homeserver-config", str(BASE_CONFIGURATION), str(self._homeserver)]
        command += ["--registration", str(self.state / "registration.yaml")]
        command += ["--public-url", self.public_url, "--operator", f"@{ADMIN}:{SERVER_NAME}"]
        for key, value in settings.items():
            # These values are written the same way in JSON and in TOML.
            command += ["--set", f"{key}={json.dumps(value)}"]
        try:
            result = subprocess.run(
                command,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=COMMAND_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise Failed(f"daarion setup did not end within {COMMAND_LIMIT_S} s") from None
        if result.returncode != 0:
            raise Failed(f"daarion setup failed: {result.stderr.strip()}")
        toml = tomllib.loads(self._configuration.read_text())
        self.secrets["internal_secret"] = toml["internal"]["secret"]
        self._save_secrets()

    @property
    def _configuration(self) -> Path:
        return self.state / "daarion.toml"

    def _admin_socket(self) -> Path:
        """In the state folder, unless that path is too long for a unix socket."""
        path = self.state / "admin.sock"
        if len(os.fsencode(path)) < 100:
            return path
        name = hashlib.sha256(os.fsencode(self.state)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"daarion-demo-{name}.sock"

    @property
    def _homeserver(self) -> Path:
        return self.state / "synapse.yaml"

    def _write_synapse_configuration(self) -> None:
        log = {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
            "root": {"level": "WARNING", "handlers": ["stderr"]},
        }
        configuration = {
            "server_name": SERVER_NAME,
            "public_baseurl": f"{self.synapse_url}/",
            "pid_file": str(self.state / "synapse.pid"),
            "registration_shared_secret": self.secrets["shared_secret"],
            "macaroon_secret_key": self.secrets["macaroon"],
            "form_secret": self.secrets["form"],
            "media_store_path": str(self.state / "media"),
            "log_config": str(self.state / "synapse-log.yaml"),
            "database": {
                "name": "sqlite3",
                "args": {"database": str(self.state / "synapse.db")},
            },
            "listeners": [
                {
                    "type": "http",
                    "tls": False,
                    "port": self.ports.synapse,
                    "bind_addresses": ["127.0.0.1"],
                    "resources": [{"names": ["client", "openid"], "compress": False}],
                }
            ],
        }
        # JSON is YAML, too.
        _write(self.state / "synapse-log.yaml", json.dumps(log))
        lines = [f"{key}: {json.dumps(value)}\n" for key, value in configuration.items()]
        _write(self._homeserver, "".join(lines))

    # What runs.

    def _start_synapse(self) -> None:
        self._say(f"starting Synapse at {self.synapse_url}")
        command = [str(self._python), "-m", "synapse.app.homeserver"]
        for file in (BASE_CONFIGURATION, self._homeserver):
            command += ["-c", str(file)]
        server = Server("Synapse", command, self.state / "synapse.log", self.state)
        self._servers.append(server)
        server.wait_until(f"{self.synapse_url}/_matrix/client/versions", SYNAPSE_LIMIT_S)

    def _start_daarion(self) -> None:
        self._say(f"starting daarion at {self.public_url}")
        command = [str(self._daarion), "serve", "--config", str(self._configuration)]
        server = Server("daarion", command, self.state / "daarion.log", self.state)
        self._servers.append(server)
        server.wait_until(f"{self.public_url}/readyz", DAARION_LIMIT_S)

    def _make_accounts(self) -> None:
        for localpart in (*PEOPLE, ADMIN):
            account = self.secrets["accounts"][localpart]
            # Kept before it is used: a start that is cut off must not forget a password.
            self._save_secrets()
            if not self._is_token_good(account["access_token"]):
                self._register(localpart, account["password"])
                account["access_token"] = self._log_in(localpart, account["password"])
        self._save_secrets()

    def _is_token_good(self, token: str) -> bool:
        url = f"{self.synapse_url}/_matrix/client/v3/account/whoami"
        return bool(token) and ask("GET", url, None, {"Authorization": f"Bearer {token}"})[0] == 200

    def _register(self, localpart: str, password: str) -> None:
        """Shared-secret registration; an account that exists already is left as it is."""
        url = f"{self.synapse_url}/_synapse/admin/v1/register"
        is_admin = localpart == ADMIN
        nonce = demand("GET", url)["nonce"]
        fields = (nonce, localpart, password, "admin" if is_admin else "notadmin")
        mac = hmac.new(
            self.secrets["shared_secret"].encode(), "\0".join(fields).encode(), hashlib.sha1
        )
        body = {
            "nonce": nonce,
            "username": localpart,
            "displayname": localpart.capitalize(),
            "password": password,
            "admin": is_admin,
            "mac": mac.hexdigest(),
        }
        status, answer = ask("POST", url, body)
        if status != 200 and answer.get("errcode") != "M_USER_IN_USE":
            raise Failed(f"the account {localpart} could not be made: {answer}")

    def _log_in(self, localpart: str, password: str) -> str:
        body = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": localpart},
            "password": password,
            "device_id": "DEMO",
        }
        return demand("POST", f"{self.synapse_url}/_matrix/client/v3/login", body)["access_token"]


def _write(path: Path, text: str) -> None:
    """Replaces the file whole; it holds secrets."""
    temporary = path.with_name(path.name + ".new")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)
