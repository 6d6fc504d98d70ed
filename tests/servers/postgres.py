"""A PostgreSQL server of the tests' own, from the machine's binaries: started, stopped, crashed.

As root the server runs as the user `postgres` (or `nobody`), since it refuses root.
"""

from __future__ import annotations

import getpass
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MISSING = "needs PostgreSQL's server binaries (Debian: postgresql)"


def binaries() -> Path | None:
    """The folder with `initdb` and `pg_ctl`, or None."""
    if (there := shutil.which("initdb")) is not None:
        return Path(there).resolve().parent
    versions = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3])
    )
    return versions[-1].parent if versions else None


def _user() -> str | None:
    """As whom the server runs; None: as ourselves."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@dataclass(frozen=True)
class Postgres:
    """A server on a socket in a folder of its own.

    Args:
        folder: data and socket.
        bin: PostgreSQL's programs.
    """

    folder: Path
    bin: Path

    def url(self, schema: str, user: str | None = None, database: str = "postgres") -> str:
        """A recording of its own per schema."""
        options = f"host={self.folder}&options=-csearch_path%3D{schema}"
        return f"postgresql://{user or _user() or getpass.getuser()}@/{database}?{options}"

    def start(self) -> None:
        """Start and wait until it answers."""
        settings = f"-k {self.folder} -c listen_addresses='' -c max_connections=300"
        self._run("pg_ctl", "start", "-w", "-o", settings, "-l", str(self.folder / "log"))

    def stop(self, mode: str = "fast") -> None:
        """`immediate`: as a crash."""
        self._run("pg_ctl", "stop", "-w", "-m", mode)

    def make(self) -> None:
        """An empty cluster."""
        self._run("initdb", "-A", "trust", "--no-locale", "-E", "UTF8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self.bin / program), *arguments]
        if program == "pg_ctl":
            command[2:2] = ["-s"]
        env = os.environ | {"PGDATA": str(self.folder / "data"), "LC_ALL": "C"}
        done = subprocess.run(
            command, user=_user(), env=env, cwd="/", check=False, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stderr[-2000:]}")


@contextmanager
def started() -> Iterator[Postgres]:
    """A server that is gone afterwards."""
    at = binaries()
    assert at is not None, MISSING
    folder = Path(tempfile.mkdtemp(prefix="abgnn-pg-", dir="/tmp"))
    if (user := _user()) is not None:
        shutil.chown(folder, user)
    folder.chmod(0o755)
    server = Postgres(folder, at)
    try:
        server.make()
        server.start()
        yield server
    finally:
        with suppress(RuntimeError):  # it is down already
            server.stop("immediate")
        shutil.rmtree(folder, ignore_errors=True)
