"""What happens to a package in its life, step by step, each on what the one before has left."""

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import homeserver
import proxies
from homeserver import Member
from http_json import ask, demand
from machine import Failed, Machine, wait_for

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLIC = "http://127.0.0.1:7004"
TOML = "/etc/daarion/daarion.toml"
REGISTRATION = "/etc/matrix-synapse/daarion-registration.yaml"
# What is said to every command of the package manager.
DPKG = ("dpkg", "--force-confold")
READY_LIMIT_S = 30
PUSH_LIMIT_S = 30
WATCHDOG_S = 5
PASSWORD = "correct horse battery"


class Story:
    def __init__(self, machine: Machine, daarion: Path, synapse: Path, state: Path) -> None:
        self.machine = machine
        self._daarion = daarion
        self._synapse = synapse
        self._state = state
        self._packages: dict[str, str] = {}
        self._before = ""
        self._alice: Member
        self._room: dict[str, Any] = {}
        self._said: list[str] = []

    # The steps.

    def packages_are_made(self) -> None:
        for revision in ("1", "2"):
            made = subprocess.run(
                [ROOT / "packaging/deb.sh", self._daarion, self._state / "packages", revision],
                stdout=subprocess.PIPE, text=True, check=True,
            )
            package = Path(made.stdout.strip())
            inside = f"/root/{package.name}"
            self.machine.write(inside, "")
            self.machine.file(inside).write_bytes(package.read_bytes())
            self._packages[revision] = inside

    def machine_boots(self) -> None:
        # What is shared lies below /root in some places, and Synapse is not root.
        self.machine.file("/root").chmod(0o755)
        # The proxies are started when it is their turn.
        for unit in (proxies.Nginx.unit, proxies.Caddy.unit):
            wanted = "/etc/systemd/system/multi-user.target.wants"
            self.machine.file(f"{wanted}/{unit}.service").unlink(missing_ok=True)
        self.machine.boot()
        certificates = [*self.machine.file("/etc/ssl/certs").glob("*")]
        _expect(not certificates, f"this machine shall know no authorities: {certificates[:3]}")
        homeserver.install(self.machine, self._synapse, ROOT / "tests/homeserver/base.yaml")

    def unconfigured_service_is_not_started(self) -> None:
        said = self.machine.run(*DPKG, "-i", self._packages["1"])
        _expect("daarion setup" in said, said)
        _expect(self.machine.run("systemctl", "is-enabled", "daarion").strip() == "enabled")
        for _ in range(2):
            state = self.machine.property("daarion", "ActiveState")
            result = self.machine.property("daarion", "Result")
            _expect((state, result) == ("inactive", "exec-condition"), f"{state} {result}")
            # Nor is it a failure when somebody tries.
            self.machine.run("systemctl", "start", "daarion")
        _expect(self.machine.run("systemctl", "--failed", "--plain", "--no-legend").strip() == "")
        # The unit's walls do not keep it from being asked.
        log = self.machine.run("journalctl", "-u", "daarion", "--no-pager", "-o", "cat")
        _expect('missing key "matrix.homeserver_url"' in log, log)
        owner = self.machine.run("stat", "-c", "%U:%G %a", TOML).strip()
        _expect(owner == "daarion:daarion 600", owner)

    def pages_and_completions_are_there(self) -> None:
        listed = self.machine.run("dpkg", "-L", "daarion")
        for path in (
            "/usr/share/man/man1/daarion-setup.1.gz",
            "/usr/share/bash-completion/completions/daarion",
            "/usr/share/doc/daarion/copyright",
            "/lib/systemd/system/daarion.service",
        ):
            _expect(path in listed.splitlines(), f"{path} is not in\n{listed}")
        self.machine.run("bash", "-n", "/usr/share/bash-completion/completions/daarion")
        self.machine.run("systemd-analyze", "verify", "--man=no", "daarion.service")

    def setup_joins_both(self) -> None:
        machine = self.machine
        self._before = machine.file(homeserver.CONFIGURATION).read_text()
        shown = machine.run("daarion", "setup", "--dry-run")
        _expect(f"+  - {REGISTRATION}" in shown, shown)
        _expect(machine.file(homeserver.CONFIGURATION).read_text() == self._before)
        said = machine.run("daarion", "setup", "--yes", "--public-url", "https://city.example.org")
        _expect("systemctl restart matrix-synapse" in said, said)
        after = machine.file(homeserver.CONFIGURATION).read_text()
        entry = f"  - {homeserver.BRIDGE}\n"
        _expect(after == self._before.replace(entry, f"{entry}  - {REGISTRATION}\n"), after)
        kept = machine.file(f"{homeserver.CONFIGURATION}.before-daarion").read_text()
        _expect(kept == self._before)
        for path, account in ((REGISTRATION, "matrix-synapse"), (TOML, "daarion")):
            owner = machine.run("stat", "-c", "%U %a", path).strip()
            _expect(owner == f"{account} 600", f"{path} {owner}")
        # Not yet: the homeserver has not read it.
        again = machine.run("daarion", "setup", "--yes")
        _expect("nothing to do" in again, again)
        _expect("systemctl restart matrix-synapse" in again, again)

    def both_start_and_the_doctor_is_content(self) -> None:
        machine = self.machine
        machine.run("systemctl", "restart", "matrix-synapse")
        homeserver.wait_until_up()
        machine.run("systemctl", "start", "daarion")
        self._wait_until_ready()
        again = machine.run("daarion", "setup", "--yes")
        _expect("nothing to do" in again and "next:" not in again, again)
        report = json.loads(machine.run("daarion", "doctor", "--json"))
        wrong = [found for found in report["findings"] if found["status"] != "ok"]
        _expect(not wrong, json.dumps(wrong, indent=2))
        _expect(homeserver.knows_token(homeserver.OTHER_SERVICE["as_token"]))
        # The package has the web application inside.
        page = str(ask("GET", f"{PUBLIC}/")[1])
        _expect("<script" in page and "make build" not in page, page)

    def operators_get_accounts(self) -> None:
        machine = self.machine
        create = ("daarion", "admin", "create", "--password-stdin")
        machine.run(*create, "olena", stdin=PASSWORD)
        # Root may do it while the daemon is down, and the store stays the daemon's.
        machine.run("systemctl", "stop", "daarion")
        machine.run(*create, "taras", stdin=PASSWORD)
        machine.run("systemctl", "start", "daarion")
        self._wait_until_ready()
        for name in ("olena", "taras"):
            body = {"name": name, "password": PASSWORD}
            demand("POST", f"{PUBLIC}/api/admin/login", body)

    def messages_go_both_ways(self) -> None:
        self._alice = Member("alice")
        body = {"slug": "general", "name": "General"}
        self._room = demand("POST", f"{PUBLIC}/api/city/rooms", body, self._headers())
        self._alice.join(self._room["matrix_room_id"])
        self._talk("first")

    def killed_service_comes_back(self) -> None:
        machine = self.machine
        before = machine.property("daarion", "MainPID")
        machine.run("systemctl", "kill", "--signal=KILL", "daarion")
        self._say_in_matrix("while it was dead")
        self._wait_until_other(before)
        _expect(machine.property("daarion", "NRestarts") == "1")
        self._wait_until_ready()
        self._talk("after the kill")

    def hanging_service_is_restarted_by_the_watchdog(self) -> None:
        machine = self.machine
        text = f"[Service]\nWatchdogSec={WATCHDOG_S}s\n"
        drop_in = "/etc/systemd/system/daarion.service.d/patience.conf"
        machine.write(drop_in, text)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "daarion")
        self._wait_until_ready()
        before = machine.property("daarion", "MainPID")
        machine.run("kill", "-STOP", before)
        self._wait_until_other(before)
        self._wait_until_ready()
        log = machine.run("journalctl", "-u", "daarion", "--no-pager", "-o", "cat")
        _expect("Watchdog timeout" in log, log[-2000:])
        machine.file(drop_in).unlink()
        machine.run("systemctl", "daemon-reload")
        self._talk("after the watchdog")

    def restart_is_clean(self) -> None:
        self.machine.run("systemctl", "restart", "daarion")
        self._wait_until_ready()
        log = self.machine.run("journalctl", "-u", "daarion", "--no-pager", "-o", "cat")
        _expect("Main process exited, code=killed" not in log.split("Watchdog timeout")[-1]
                .split("Started daarion", 1)[-1], log[-2000:])
        self._talk("after a restart")

    def proxies_show_what_they_should(self) -> None:
        for proxy in (proxies.Nginx(self.machine), proxies.Caddy(self.machine)):
            proxy.start(ROOT / "packaging")
            try:
                proxy.check(self._room["channel_id"], self._headers())
            finally:
                proxy.stop()

    def reboot_brings_everything_back(self) -> None:
        self.machine.reboot()
        homeserver.wait_until_up()
        self._wait_until_ready()
        self._talk("after a reboot")

    def upgrade_restarts_and_keeps_everything(self) -> None:
        machine = self.machine
        before = machine.property("daarion", "MainPID")
        toml = machine.file(TOML).read_text()
        machine.run(*DPKG, "-i", self._packages["2"])
        version = machine.run("dpkg-query", "-W", "-f", "${Version}", "daarion")
        _expect(version.endswith("-2"), version)
        _expect(machine.property("daarion", "MainPID") != before, "it was not restarted")
        self._wait_until_ready()
        _expect(machine.file(TOML).read_text() == toml)
        owner = machine.run("stat", "-c", "%U %a", TOML).strip()
        _expect(owner == "daarion 600", owner)
        self._talk("after the upgrade")

    def removal_keeps_the_data(self) -> None:
        machine = self.machine
        said = machine.run(*DPKG, "-r", "daarion")
        _expect("--undo" in said, said)
        _expect(machine.property("daarion", "ActiveState") == "inactive")
        _expect(machine.file("/var/lib/daarion/daarion.redb").exists())
        _expect(machine.file(TOML).exists())
        _expect(not machine.file("/usr/bin/daarion").exists())
        self._say_in_matrix("while it was removed")
        machine.run(*DPKG, "-i", self._packages["2"])
        self._wait_until_ready()
        self._talk("after it was installed again")

    def undo_gives_the_homeserver_back(self) -> None:
        machine = self.machine
        machine.run("daarion", "setup", "--undo", "--yes")
        _expect(machine.file(homeserver.CONFIGURATION).read_text() == self._before)
        _expect(not machine.file(REGISTRATION).exists())
        machine.run("systemctl", "restart", "matrix-synapse")
        homeserver.wait_until_up()
        _expect(homeserver.knows_token(homeserver.OTHER_SERVICE["as_token"]))
        code = machine.exit_code("daarion", "doctor")
        _expect(code == 1, f"the doctor ended with {code}")

    def purge_deletes_and_says_so(self) -> None:
        machine = self.machine
        said = machine.run(*DPKG, "--purge", "daarion")
        for path in ("/var/lib/daarion", "/etc/daarion"):
            _expect(f"deleting {path}" in said, said)
            _expect(not machine.file(path).exists(), f"{path} is still there")
        _expect(machine.run("systemctl", "--failed", "--plain", "--no-legend").strip() == "")

    # What they are made of.

    def logs(self) -> str:
        """What the machine says about it, for whoever has to find the reason."""
        try:
            return self.machine.run(
                "journalctl", "--no-pager", "-n", "60", "-o", "short-monotonic", check=False
            )
        except (Failed, OSError, subprocess.SubprocessError) as error:
            return str(error)

    def _headers(self) -> dict[str, str]:
        toml = self.machine.file(TOML).read_text()
        lines = [line for line in toml.splitlines() if line.startswith("secret = ")]
        return {
            "X-Internal-Service-Token": lines[0].split('"')[1],
            "X-User-Id": self._alice.entity,
        }

    def _wait_until_ready(self) -> None:
        def is_ready() -> bool:
            try:
                return ask("GET", f"{PUBLIC}/readyz", timeout=5)[0] == 200
            except OSError:
                return False

        wait_for("daarion", READY_LIMIT_S, is_ready)

    def _wait_until_other(self, before: str) -> None:
        def is_other() -> bool:
            return self.machine.property("daarion", "MainPID") not in (before, "0")

        wait_for("another process of daarion", WATCHDOG_S * 4, is_other)

    def _say_in_matrix(self, text: str) -> None:
        self._alice.say(self._room["matrix_room_id"], text)
        self._said.append(text)

    def _talk(self, when: str) -> None:
        """Something is said on either side; everything that was ever said is on both, once."""
        messages = f"{PUBLIC}/api/messaging/channels/{self._room['channel_id']}/messages"
        text = f"{when}, through daarion"
        demand("POST", messages, {"text": text}, self._headers())
        self._said.append(text)
        self._say_in_matrix(f"{when}, through Matrix")

        def listed() -> list[str]:
            page = demand("GET", f"{messages}?limit=200&order=asc", None, self._headers())
            return sorted(message["content_preview"] for message in page["items"])

        expected = sorted(self._said)
        try:
            wait_for("all messages", PUSH_LIMIT_S, lambda: listed() == expected)
        except Failed as error:
            raise Failed(f"{error}: {listed()} instead of {expected}") from None
        heard = self._alice.hears(self._room["matrix_room_id"])
        _expect(text in heard, f"{text} is not in {heard}")


def _expect(claim: bool, otherwise: str = "it is not so") -> None:
    if not claim:
        caller = sys._getframe(1)
        place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
        raise Failed(f"{place}: {otherwise}")


STORY: list[tuple[str, Callable[[Story], None]]] = [
    ("two builds of the package are made", Story.packages_are_made),
    ("a Debian boots with systemd, and Synapse in it", Story.machine_boots),
    ("a service that is not configured is not started", Story.unconfigured_service_is_not_started),
    ("pages and completions are there", Story.pages_and_completions_are_there),
    ("setup joins daarion and the homeserver", Story.setup_joins_both),
    ("both start, and the doctor finds nothing", Story.both_start_and_the_doctor_is_content),
    ("operators get accounts, and sign in", Story.operators_get_accounts),
    ("messages go both ways", Story.messages_go_both_ways),
    ("a killed service comes back and has lost nothing", Story.killed_service_comes_back),
    ("a hanging service is restarted by the watchdog",
     Story.hanging_service_is_restarted_by_the_watchdog),
    ("a restart is clean", Story.restart_is_clean),
    ("nginx and Caddy show the public side and nothing else", Story.proxies_show_what_they_should),
    ("a reboot brings everything back", Story.reboot_brings_everything_back),
    ("an upgrade restarts it and keeps everything", Story.upgrade_restarts_and_keeps_everything),
    ("a removal keeps the data", Story.removal_keeps_the_data),
    ("undo gives the homeserver back as it was", Story.undo_gives_the_homeserver_back),
    ("a purge deletes, and says what", Story.purge_deletes_and_says_so),
]
