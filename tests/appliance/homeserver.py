"""A Synapse on the machine, laid out as Debian's package has it: an account of its own, a
homeserver.yaml, a conf.d, a unit. Another application service is registered already.
"""

import hashlib
import hmac
import json
import secrets
from pathlib import Path
from typing import Any

from http_json import Refused, ask, demand
from machine import Machine, wait_for

URL = "http://127.0.0.1:8008"
# As in the files of older formats (tests/fixtures), which are tried beside it.
SERVER_NAME = "example.org"
CONFIGURATION = "/etc/matrix-synapse/homeserver.yaml"
BRIDGE = "/etc/matrix-synapse/bridge.yaml"
SHARED_SECRET = secrets.token_hex(16)
START_LIMIT_S = 60

UNIT = """\
[Unit]
Description=Synapse Matrix homeserver

[Service]
Type=notify
User=matrix-synapse
StateDirectory=matrix-synapse
WorkingDirectory=/var/lib/matrix-synapse
ExecStart={venv}/bin/python -m synapse.app.homeserver --config-path=/etc/matrix-synapse/homeserver.yaml --config-path=/etc/matrix-synapse/conf.d/
Restart=always

[Install]
WantedBy=multi-user.target
"""

HOMESERVER = f"""
# What is here is read first; conf.d/ comes after it.
pid_file: /var/lib/matrix-synapse/homeserver.pid
media_store_path: /var/lib/matrix-synapse/media
log_config: /etc/matrix-synapse/log.yaml
registration_shared_secret: "{SHARED_SECRET}"
macaroon_secret_key: "{secrets.token_hex(16)}"
form_secret: "{secrets.token_hex(16)}"
database:
  name: sqlite3
  args:
    database: /var/lib/matrix-synapse/homeserver.db
listeners:
  - port: 8008
    tls: false
    type: http
    bind_addresses: ['127.0.0.1']
    resources:
      - names: [client, openid]
        compress: false
app_service_config_files:
  # The bridge to the other side.
  - {BRIDGE}
"""

LOG = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"stderr": {"class": "logging.StreamHandler"}},
    "root": {"level": "WARNING", "handlers": ["stderr"]},
}

OTHER_SERVICE = {
    "id": "bridge",
    "url": None,
    "as_token": secrets.token_hex(16),
    "hs_token": secrets.token_hex(16),
    "sender_localpart": "bridge",
    "namespaces": {"users": [{"exclusive": True, "regex": "@irc_.*"}]},
}


def install(machine: Machine, venv: Path, base: Path) -> None:
    machine.run("useradd", "--system", "--gid", "nogroup", "--home-dir", "/var/lib/matrix-synapse",
                "--shell", "/usr/sbin/nologin", "matrix-synapse")
    machine.write("/etc/systemd/system/matrix-synapse.service", UNIT.format(venv=venv))
    machine.write(CONFIGURATION, base.read_text() + HOMESERVER)
    machine.write("/etc/matrix-synapse/conf.d/server_name.yaml", f"server_name: {SERVER_NAME}\n")
    machine.write("/etc/matrix-synapse/log.yaml", json.dumps(LOG))
    machine.write(BRIDGE, json.dumps(OTHER_SERVICE))
    machine.run("systemctl", "enable", "--now", "matrix-synapse")
    wait_until_up()


def wait_until_up() -> None:
    wait_for("Synapse", START_LIMIT_S, lambda: _status("/_matrix/client/versions") == 200)


def _status(path: str) -> int:
    try:
        return ask("GET", URL + path, timeout=5)[0]
    except OSError:
        return 0


class Member:
    """An account, and what it does with a plain Matrix client."""

    def __init__(self, localpart: str) -> None:
        self.user_id = f"@{localpart}:{SERVER_NAME}"
        self.entity = f"user:{localpart}"
        register = f"{URL}/_synapse/admin/v1/register"
        nonce, self._password = demand("GET", register)["nonce"], secrets.token_hex(8)
        fields = "\0".join((nonce, localpart, self._password, "notadmin"))
        mac = hmac.new(SHARED_SECRET.encode(), fields.encode(), hashlib.sha1).hexdigest()
        body = {"nonce": nonce, "username": localpart, "password": self._password, "mac": mac}
        self._headers = {"Authorization": f"Bearer {demand('POST', register, body)['access_token']}"}

    def sign_in(self, daarion: str) -> dict[str, str]:
        """What a request to daarion shows as this person."""
        body = {"user": self.user_id, "password": self._password}
        token = demand("POST", f"{daarion}/api/auth/login", body)["access_token"]
        return {"Authorization": f"Bearer {token}"}

    def join(self, room: str) -> None:
        demand("POST", f"{URL}/_matrix/client/v3/join/{_quoted(room)}", {}, self._headers)

    def say(self, room: str, text: str) -> None:
        place = f"{URL}/_matrix/client/v3/rooms/{_quoted(room)}"
        body = {"msgtype": "m.text", "body": text}
        demand("PUT", f"{place}/send/m.room.message/{secrets.token_hex(8)}", body, self._headers)

    def hears(self, room: str) -> list[str]:
        """The newest texts in the room."""
        place = f"{URL}/_matrix/client/v3/rooms/{_quoted(room)}"
        page: Any = demand("GET", f"{place}/messages?dir=b&limit=50", None, self._headers)
        return [event["content"].get("body", "") for event in page["chunk"]]


def knows_token(token: str) -> bool:
    whoami = f"{URL}/_matrix/client/v3/account/whoami"
    return ask("GET", whoami, None, {"Authorization": f"Bearer {token}"})[0] == 200


def _quoted(room: str) -> str:
    return room.replace("!", "%21").replace(":", "%3A")


__all__ = ["CONFIGURATION", "Member", "Refused", "install", "knows_token", "wait_until_up"]
