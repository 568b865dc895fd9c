"""The migrations make the schema that the code reads, and opening a current index stays cheap."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from distill_core.folders import Home
from distill_core.store import database, migrations
from distill_core.store.schema import metadata
from distill_core.store.store import Store
from tests.store_samples import small_spec


def test_migrations_make_the_tables_of_the_schema(new_index: Callable[[], None], tmp_path: Path) -> None:
    index = database.Database(Home(tmp_path))
    with index.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    index.close()


def test_a_cursor_is_never_given_out_twice(tmp_path: Path) -> None:
    Store(Home(tmp_path)).close()
    with create_engine(f"sqlite:///{tmp_path / 'lab.sqlite'}").connect() as connection:
        made = {row[0] for row in connection.exec_driver_sql("SELECT sql FROM sqlite_master WHERE name = 'epochs'")}
    assert "AUTOINCREMENT" in made.pop()


def test_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [database.HEAD]


def test_opening_a_current_index_loads_neither_alembic_nor_torch(tmp_path: Path) -> None:
    Store(Home(tmp_path)).close()
    code = (
        "import sys; from pathlib import Path; from distill_core.folders import Home;"
        "from distill_core.store.store import Store; Store(Home(Path(sys.argv[1]))).experiments();"
        "sys.exit(' '.join(name for name in ('alembic', 'torch', 'streamlit') if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_many_may_open_a_fresh_home_at_once(new_index: Callable[[], None], tmp_path: Path) -> None:
    home, failures = Home(tmp_path), []

    def open_and_write(number: int) -> None:
        try:
            Store(home).create(small_spec(), experiment_id=f"e{number}", created_at=1.0)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=open_and_write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(Store(home).experiments()) == 6
