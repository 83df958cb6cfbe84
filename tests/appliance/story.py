"""What happens to a package in its life, step by step, each on what the one before has left."""

import hashlib
import http.client
import json
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import homeserver
import live
import packages
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
STORE = "/var/lib/daarion/daarion.redb"
DROP_INS = "/etc/systemd/system/daarion.service.d"


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
        self._secret = ""

    # The steps.

    def packages_are_made(self) -> None:
        made = self._state / "packages"
        (self._state / "previous").mkdir()
        previous = packages.make_previous(self._daarion, self._state / "previous", made)
        for name, package in (
            ("previous", previous),
            ("1", packages.make(self._daarion, made, "1")),
            ("2", packages.make(self._daarion, made, "2")),
        ):
            inside = f"/root/{package.name}"
            self.machine.write(inside, "")
            self.machine.file(inside).write_bytes(package.read_bytes())
            self._packages[name] = inside

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
        said = self.machine.run(*DPKG, "-i", self._packages["previous"])
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
        self._expect_content_doctor()
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
            _sign_in(name)

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
                person = self._alice.sign_in(PUBLIC)
                proxy.check(self._room["channel_id"], person, self._headers())
                proxy.check_sign_in("olena", PASSWORD)
            finally:
                proxy.stop()

    def reboot_brings_everything_back(self) -> None:
        self.machine.reboot()
        homeserver.wait_until_up()
        self._wait_until_ready()
        self._talk("after a reboot")

    def upgrade_keeps_everything(self) -> None:
        machine = self.machine
        machine.run("daarion", "agent", "create", "sofia")
        cookie = _sign_in("olena")
        stream = f"{PUBLIC.replace('http', 'ws')}/ws/messaging/{self._room['channel_id']}"
        at = live.opening(stream, self._headers())
        before, toml, status = self._process(), machine.file(TOML).read_text(), self._status()
        version = self._version()
        machine.run(*DPKG, "-i", self._packages["1"])
        _expect(self._version() not in (version, ""), f"it is {version} still")
        self._wait_until_ready()
        (pid, program), installed = self._process(), machine.file("/usr/bin/daarion").read_bytes()
        _expect(pid != before[0], "it was not restarted")
        _expect(program == hashlib.sha256(installed).hexdigest(), "it runs what is not installed")
        _expect(program != before[1], "it runs what ran before")
        # The administrator's configuration is kept, and the new one laid beside it.
        _expect(machine.file(TOML).read_text() == toml)
        owner = machine.run("stat", "-c", "%U %a", TOML).strip()
        _expect(owner == "daarion 600", owner)
        sample = (ROOT / "packaging/daarion.toml").read_text()
        _expect(machine.file(f"{TOML}.dpkg-dist").read_text() == sample)
        # Who is signed in stays so; what was counted is there, and was not made anew.
        _expect(_is_operator(cookie), "the session is over")
        _sign_in("olena")
        _expect("agent:sofia" in machine.run("daarion", "agent", "list"))
        now = self._status()
        _expect(now["messages"] == status["messages"], f"{now['messages']} messages")
        _expect(now["journal"]["head"] >= status["journal"]["head"], str(now["journal"]))
        _expect(now["rebuilding"] is False)
        again = f"{stream}?after={at['seq']}&journal={at['journal']}"
        resumed = live.opening(again, self._headers())
        _expect(resumed["type"] == "ready", f"the stream does not go on: {resumed}")
        self._talk("after the upgrade")

    def upgrade_carries_old_stores_over(self) -> None:
        """What the homeserver could not give back is what the old file had; the rest is made of
        the homeserver."""
        machine = self.machine
        ids, package = self._message_ids(), self._packages["2"]
        for fixture, number in _old_stores(self._status()["store"]["format"]):
            machine.run("systemctl", "stop", "daarion")
            machine.file(STORE).write_bytes(fixture.read_bytes())
            machine.run(*DPKG, "-i", package)
            _expect(self._version().endswith("-2"), self._version())
            self._wait_until_ready()
            log = machine.run("journalctl", "-u", "daarion", "--no-pager", "-o", "cat", "-n", "200")
            told = f'"message":"the store has a new format","from":{number},'
            _expect(told in log, log[-2000:])
            status = self._status()
            _expect(status["store"]["format"] > number, str(status["store"]))
            _expect(status["agents"] == 1 and status["skipped"]["count"] == 1, json.dumps(status))
            # Its beginning goes when the connector is at work: what it holds is past the retention.
            _expect(status["journal"]["head"] >= 18, str(status["journal"]))
            readers = [reader["name"] for reader in status["readers"]]
            _expect(any(name.startswith("webhook ") for name in readers), str(readers))
            agents = machine.run("daarion", "agent", "list")
            _expect("agent:sofia" in agents and "Софія" in agents, agents)

            def is_whole() -> bool:
                status = self._status()
                return not status["rebuilding"] and status["open_creations"] == 0

            wait_for("an index of the homeserver", READY_LIMIT_S, is_whole)
            self._expect_all_said()
            _expect(self._message_ids() == ids, "messages have other ids")
            self._talk(f"with a store of format {number}")
            ids = self._message_ids()
        machine.run("daarion", "admin", "create", "--password-stdin", "olena", stdin=PASSWORD)

    def what_is_disabled_stays_so(self) -> None:
        machine = self.machine
        machine.run("systemctl", "disable", "--now", "daarion")
        machine.run(*DPKG, "-i", self._packages["2"])
        _expect(machine.property("daarion", "ActiveState") == "inactive")
        _expect(machine.property("daarion", "UnitFileState") == "disabled")
        machine.run("systemctl", "enable", "--now", "daarion")
        self._wait_until_ready()
        _sign_in("olena")

    def secrets_may_come_from_the_service_manager(self) -> None:
        machine = self.machine
        before = machine.file(TOML).read_text()
        table, text, loads = tomllib.loads(before), before, []
        for section, key, name in (
            ("matrix", "as_token", "as_token"),
            ("matrix", "hs_token", "hs_token"),
            ("internal", "secret", "internal_secret"),
        ):
            secret = table[section][key]
            machine.write(f"/etc/daarion/{name}", f"{secret}\n", 0o600)
            loads.append(f"LoadCredential={name}:/etc/daarion/{name}\n")
            as_file = f'{key}_file = "${{CREDENTIALS_DIRECTORY}}/{name}"'
            text = text.replace(f'{key} = "{secret}"', as_file)
        machine.run("systemctl", "stop", "daarion")
        drop_in = f"{DROP_INS}/credentials.conf"
        machine.write(drop_in, "[Service]\n" + "".join(loads))
        machine.file(TOML).write_text(text)
        machine.run("systemctl", "daemon-reload")
        # Until it runs, somebody has to say where the files are; the line says how.
        said = machine.fails("daarion", "setup", "--yes")
        _expect("CREDENTIALS_DIRECTORY=/etc/daarion daarion" in said, said)
        machine.run("env", "CREDENTIALS_DIRECTORY=/etc/daarion", "daarion", "config", "check")
        machine.run("systemctl", "start", "daarion")
        self._wait_until_ready()
        said = machine.run("daarion", "setup", "--yes")
        _expect("nothing to do" in said, said)
        shown = machine.run("daarion", "registration", "show")
        _expect(table["matrix"]["as_token"] in shown, shown)
        self._expect_content_doctor()
        self._talk("with credentials")
        machine.file(drop_in).unlink()
        machine.file(TOML).write_text(before)
        machine.run("systemctl", "daemon-reload")
        machine.run("systemctl", "restart", "daarion")
        self._wait_until_ready()

    def doctor_sees_what_the_daemon_may_not(self) -> None:
        machine = self.machine
        # Not everybody may read the configuration; whoever may not is told what to do.
        said = machine.fails("runuser", "-u", "nobody", "--", "daarion", "doctor")
        _expect("-> sudo daarion doctor" in said, said)
        machine.run("systemctl", "stop", "daarion")
        # As a copy is that root has brought back.
        machine.run("chown", "-R", "root:root", "/var/lib/daarion")
        report = json.loads(machine.run("sh", "-c", "daarion doctor --json 2>/dev/null || true"))
        found = [found for found in report["findings"] if found["id"] == "data_dir"]
        _expect(found[0]["status"] == "failed", json.dumps(found))
        machine.run("sh", "-c", found[0]["advice"])
        machine.run("systemctl", "start", "daarion")
        self._wait_until_ready()
        self._expect_content_doctor()
        self._talk("with its data given back")

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
        after = machine.file(homeserver.CONFIGURATION).read_text()
        machine.run("daarion", "setup", "--undo", "--yes")
        _expect(machine.file(homeserver.CONFIGURATION).read_text() == self._before)
        _expect(not machine.file(REGISTRATION).exists())
        # It can be done again, with no more said than at first.
        machine.run("daarion", "setup", "--yes")
        _expect(machine.file(homeserver.CONFIGURATION).read_text() == after)
        machine.run("daarion", "setup", "--undo", "--yes")
        self._expect_sound_homeserver()
        code = machine.exit_code("daarion", "doctor")
        _expect(code == 1, f"the doctor ended with {code}")

    def purge_deletes_and_says_so(self) -> None:
        machine = self.machine
        # Nobody has taken back what setup did, and a disk of its own is mounted for the data.
        machine.run("daarion", "setup", "--yes")
        machine.run("systemctl", "stop", "daarion")
        machine.run("mount", "--bind", "/var/lib/daarion", "/var/lib/daarion")
        said = machine.run(*DPKG, "--purge", "daarion")
        for path in ("/var/lib/daarion", "/etc/daarion"):
            _expect(f"deleting {path}" in said, said)
        _expect("with the accounts of operators" in said, said)
        copy = f"{homeserver.CONFIGURATION}.before-daarion"
        for path in (REGISTRATION, copy):
            _expect(f"keeping {path}" in said, said)
            _expect(machine.file(path).exists(), path)
        _expect([*machine.file("/var/lib/daarion").iterdir()] == [], "the data is still there")
        _expect(not machine.file("/etc/daarion").exists(), "/etc/daarion is still there")
        _expect(self._version_if_any() == "", "the package is half there")
        self._expect_sound_homeserver()
        machine.run("umount", "/var/lib/daarion")
        # As it was told to do.
        machine.file(homeserver.CONFIGURATION).write_text(self._before)
        machine.file(copy).unlink()
        machine.file(REGISTRATION).unlink()

    def purge_leaves_the_homeserver_what_it_needs(self) -> None:
        machine = self.machine
        registration = "/etc/daarion/homeserver/registration.yaml"
        machine.run(*DPKG, "-i", self._packages["2"])
        machine.run("mkdir", "/etc/daarion/homeserver")
        machine.run("daarion", "setup", "--yes", "--registration", registration)
        said = machine.run(*DPKG, "--purge", "daarion")
        _expect(f"keeping {registration}" in said, said)
        left = machine.run("find", "/etc/daarion", "-type", "f").split()
        _expect(left == [registration], str(left))
        self._expect_sound_homeserver()
        # When it does not need it any more, all goes.
        machine.file(homeserver.CONFIGURATION).write_text(self._before)
        machine.run(*DPKG, "-i", self._packages["2"])
        said = machine.run(*DPKG, "--purge", "daarion")
        for path in ("/var/lib/daarion", "/etc/daarion/daarion.toml"):
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
        if not self._secret:
            toml = tomllib.loads(self.machine.file(TOML).read_text())
            self._secret = toml["internal"]["secret"]
        return {"X-Internal-Service-Token": self._secret, "X-User-Id": self._alice.entity}

    def _expect_content_doctor(self) -> None:
        # For some seconds after daarion was away the homeserver may push late, and the doctor says
        # so: three times in a row would be another matter.
        for _ in range(3):
            report = json.loads(self.machine.run("daarion", "doctor", "--json"))
            wrong = [found for found in report["findings"] if found["status"] != "ok"]
            if {found["id"] for found in wrong} != {"canary"}:
                break
        _expect(not wrong, json.dumps(wrong, indent=2))

    def _status(self) -> Any:
        return json.loads(self.machine.run("daarion", "status", "--json", check=False))

    def _expect_sound_homeserver(self) -> None:
        self.machine.run("systemctl", "restart", "matrix-synapse")
        homeserver.wait_until_up()
        _expect(homeserver.knows_token(homeserver.OTHER_SERVICE["as_token"]))

    def _version_if_any(self) -> str:
        shown = self.machine.run("dpkg-query", "-W", "-f", "${Version}", "daarion", check=False)
        return "" if "no packages found" in shown else shown

    def _version(self) -> str:
        return self.machine.run("dpkg-query", "-W", "-f", "${Version}", "daarion")

    def _process(self) -> tuple[str, str]:
        """Its number, and what its program sums up to."""
        pid = self.machine.property("daarion", "MainPID")
        return pid, self.machine.run("sha256sum", f"/proc/{pid}/exe").split()[0]

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
        text = f"{when}, through daarion"
        demand("POST", self._messages(), {"text": text}, self._headers())
        self._said.append(text)
        self._say_in_matrix(f"{when}, through Matrix")
        self._expect_all_said()
        heard = self._alice.hears(self._room["matrix_room_id"])
        _expect(text in heard, f"{text} is not in {heard}")

    def _expect_all_said(self) -> None:
        def listed() -> list[str]:
            return sorted(message["content_preview"] for message in self._listed())

        expected = sorted(self._said)
        try:
            wait_for("all messages", PUSH_LIMIT_S, lambda: listed() == expected)
        except Failed as error:
            raise Failed(f"{error}: {listed()} instead of {expected}") from None

    def _message_ids(self) -> list[str]:
        return [message["id"] for message in self._listed()]

    def _listed(self) -> list[Any]:
        status, page = ask("GET", f"{self._messages()}?limit=200&order=asc", None, self._headers())
        # While the index is made anew, the channel is not there at first.
        return page["items"] if status == 200 else []

    def _messages(self) -> str:
        return f"{PUBLIC}/api/messaging/channels/{self._room['channel_id']}/messages"


def _old_stores(present: int) -> list[tuple[Path, int]]:
    """A file of each released format but the present one, with its number."""
    found = (ROOT / "tests/fixtures").glob("store-format-*.redb")
    numbered = sorted((int(path.stem.rsplit("-", 1)[1]), path) for path in found)
    return [(path, number) for number, path in numbered if number < present]


def _sign_in(name: str) -> str:
    """The cookie of an operator's session."""
    connection = http.client.HTTPConnection("127.0.0.1", 7004, timeout=30)
    body = json.dumps({"name": name, "password": PASSWORD})
    headers = {"Content-Type": "application/json"}
    connection.request("POST", "/api/admin/login", body, headers)
    answer = connection.getresponse()
    _expect(answer.status == 200, f"{name} cannot sign in: {answer.status} {answer.read()!r}")
    return str(answer.getheader("Set-Cookie")).split(";")[0]


def _is_operator(cookie: str) -> bool:
    return ask("GET", f"{PUBLIC}/api/admin/session", None, {"Cookie": cookie})[0] == 200


def _expect(claim: bool, otherwise: str = "it is not so") -> None:
    if not claim:
        caller = sys._getframe(1)
        place = f"{Path(caller.f_code.co_filename).name}:{caller.f_lineno}"
        raise Failed(f"{place}: {otherwise}")


STORY: list[tuple[str, Callable[[Story], None]]] = [
    ("the packages are made, an older one too", Story.packages_are_made),
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
    ("an upgrade from the previous version keeps everything", Story.upgrade_keeps_everything),
    ("an upgrade carries stores of older formats over", Story.upgrade_carries_old_stores_over),
    ("what is disabled stays so in an upgrade", Story.what_is_disabled_stays_so),
    ("secrets may come from the service manager", Story.secrets_may_come_from_the_service_manager),
    ("the doctor sees what the daemon may not", Story.doctor_sees_what_the_daemon_may_not),
    ("a removal keeps the data", Story.removal_keeps_the_data),
    ("undo gives the homeserver back as it was", Story.undo_gives_the_homeserver_back),
    ("a purge deletes, and says what", Story.purge_deletes_and_says_so),
    ("a purge leaves the homeserver what it needs",
     Story.purge_leaves_the_homeserver_what_it_needs),
]
