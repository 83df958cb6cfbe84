"""The proxy examples of packaging/, run by the distribution's nginx and Caddy in front of the real
daarion. Only what every administrator has to change is changed: the certificates.
"""

import base64
import http.client
import json
import os
import ssl
from pathlib import Path

from machine import Failed, Machine, wait_for

NAME = "city.example.org"
START_LIMIT_S = 30
CERTIFICATE = "/etc/ssl/city.pem"
KEY = "/etc/ssl/city.key"
# On no public listener, and not behind a proxy.
INSIDE = (
    "/internal/agents",
    "/internal",
    "/_matrix/app/v1/ping",
    "/_synapse/admin/v1/register",
    "/metrics",
)


class Proxy:
    unit = ""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def start(self, packaging: Path) -> None:
        self.configure(packaging)
        self.machine.run("systemctl", "restart", self.unit)
        wait_for(self.unit, START_LIMIT_S, self._answers)

    def stop(self) -> None:
        self.machine.run("systemctl", "disable", "--now", self.unit)

    def configure(self, packaging: Path) -> None:
        raise NotImplementedError

    def check(self, channel: str, person: dict[str, str], service: dict[str, str]) -> None:
        for path, expected in (("/readyz", 200), ("/docs", 200), ("/api/city/rooms", 401)):
            self._expect(path, expected, {})
        self._expect("/api/city/rooms", 200, person)
        # Nobody acts for others from outside, whatever secret they know.
        self._expect("/api/city/rooms", 401, service)
        for path in INSIDE:
            self._expect(path, 404, {})
        upgrade = {
            **person,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        }
        self._expect(f"/ws/messaging/{channel}", 101, upgrade)

    def check_sign_in(self, name: str, password: str) -> None:
        """The proxy says that it was reached by HTTPS, so that the cookie travels over nothing
        else; and a page of the city may sign in."""
        body = json.dumps({"name": name, "password": password})
        headers = {"Content-Type": "application/json", "Origin": f"https://{NAME}"}
        status, cookie = self._ask("POST", "/api/admin/login", headers, body)
        is_secure = cookie.startswith("__Host-daarion_operator=") and "; Secure" in cookie
        if status != 200 or not is_secure:
            raise Failed(f"{self.unit}: signing in answers {status} with the cookie {cookie!r}")

    def _expect(self, path: str, expected: int, headers: dict[str, str]) -> None:
        status = self._status(path, headers)
        if status != expected:
            raise Failed(f"{self.unit}: {path} answers {status} instead of {expected}")

    def _status(self, path: str, headers: dict[str, str]) -> int:
        return self._ask("GET", path, headers)[0]

    def _ask(
        self, method: str, path: str, headers: dict[str, str], body: str | None = None
    ) -> tuple[int, str]:
        """The status, and the cookie that is set."""
        # The certificate is nobody's, and the name leads here.
        context = ssl._create_unverified_context()
        connection = http.client.HTTPSConnection("127.0.0.1", 443, timeout=10, context=context)
        plain, name = connection._create_connection, NAME
        connection.sock = context.wrap_socket(
            plain(("127.0.0.1", 443), 10), server_hostname=name
        )
        try:
            connection.request(method, path, body, {**headers, "Host": NAME})
            answer = connection.getresponse()
            return answer.status, answer.getheader("Set-Cookie") or ""
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            return self._status("/readyz", {}) == 200
        except OSError:
            return False


class Nginx(Proxy):
    unit = "nginx"

    def configure(self, packaging: Path) -> None:
        machine = self.machine
        machine.run(
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
            "-subj", f"/CN={NAME}", "-out", CERTIFICATE, "-keyout", KEY,
        )
        text = (packaging / "nginx.conf").read_text()
        letsencrypt = f"/etc/letsencrypt/live/{NAME}"
        text = text.replace(f"{letsencrypt}/fullchain.pem", CERTIFICATE)
        text = text.replace(f"{letsencrypt}/privkey.pem", KEY)
        machine.write("/etc/nginx/sites-enabled/daarion", text)
        machine.file("/etc/nginx/sites-enabled/default").unlink(missing_ok=True)
        said = machine.run("nginx", "-t")
        if "warn" in said:
            raise Failed(said)


class Caddy(Proxy):
    unit = "caddy"

    def configure(self, packaging: Path) -> None:
        # Certificates of its own making: nobody outside can be asked for one.
        text = (packaging / "Caddyfile").read_text()
        options = "{\n\tlocal_certs\n\tskip_install_trust\n}\n\n"
        self.machine.write("/etc/caddy/Caddyfile", options + text)
        self.machine.run("caddy", "validate", "--config", "/etc/caddy/Caddyfile")
