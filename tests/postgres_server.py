"""A real PostgreSQL server for tests: made in a temporary folder, reached by a unix socket, gone with the session."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

USER = "distill"
PASSWORD = "secret/of:tests"
# Names a unix socket; nothing listens on a network.
PORT = 54999


def programs() -> Path | None:
    """Where Debian or the PATH has the server; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


class PostgresServer:
    """A running server; `stop` and `start` as an administrator would, `database` makes a new empty one."""

    def __init__(self, folder: Path, bin: Path) -> None:
        self._folder, self._bin, self._made = folder, bin, 0

    def start(self) -> None:
        # A whole run of the tests opens hundreds of labs, which keep their connections until the process ends.
        options = (
            f"-c listen_addresses='' -c unix_socket_directories='{self._folder}' -c port={PORT} -c fsync=off "
            "-c max_connections=500"
        )
        self._run("pg_ctl", "start", "-w", "-D", str(self._data), "-l", str(self._folder / "log"), "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", str(self._data))

    def make(self) -> None:
        secret = self._folder / "password"
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, "--auth=scram-sha-256", f"--pwfile={secret}",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync",
        )

    def url(self, database: str = "postgres", *, password: str = PASSWORD, schema: str = "public") -> str:
        options = f"host={self._folder}&port={PORT}&options={quote(f'-csearch_path={schema}', safe='')}"
        return f"postgresql://{USER}:{quote(password, safe='')}@/{database}?{options}"

    def database(self) -> str:
        """The address of a new empty index: a schema of its own, which costs a hundredth of a database."""
        self._made += 1
        name = f"lab_{self._made}"
        with self.connect() as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        return self.url(schema=name)

    def connect(self) -> psycopg.Connection[tuple[object, ...]]:
        """As an administrator, beside the lab."""
        return psycopg.connect(
            host=str(self._folder), port=PORT, user=USER, password=PASSWORD, dbname="postgres", autocommit=True
        )

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _run(self, program: str, *arguments: str) -> None:
        # The server refuses to run as root.
        identity = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        subprocess.run(
            [str(self._bin / program), *arguments], check=True, stdout=subprocess.DEVNULL, cwd=self._folder,
            env={**os.environ, "LC_ALL": "C.UTF-8"}, user=identity and identity.pw_uid,
            group=identity and identity.pw_gid, extra_groups=[] if identity else None, timeout=60,
        )


@contextmanager
def served() -> Iterator[PostgresServer]:
    """Skips the test, with the reason, where PostgreSQL is not installed."""
    found = programs()
    if found is None:
        pytest.skip("PostgreSQL is not installed here (Debian: apt-get install postgresql)")
    # A short path: a unix socket's name may have about 100 characters.
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam("nobody").pw_uid, -1)
    server = PostgresServer(folder, found)
    try:
        server.make()
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
