"""One SQLite file for messages and results, as both contenders share it."""

import sqlite3
from collections.abc import Iterable
from pathlib import Path

from .messages import Batch

PUT = "INSERT INTO kombu_message (visible, timestamp, payload, version, queue_id) VALUES (1, NULL, ?, 1, ?)"


class Sqlite:
    """A file that whoever comes first makes; a new one for each run."""

    name = "sqlite"

    def __init__(self, home: Path):
        self._home = home
        self._number = 0
        self._db: sqlite3.Connection | None = None
        self._staged: list[Batch] = []
        self.clear()

    def clear(self) -> None:
        self.close()
        self._number += 1
        self._file = self._home / f"store-{self._number}.db"
        self.broker = f"sqla+sqlite:///{self._file}"
        self.backend = f"db+sqlite:///{self._file}"
        self._staged.clear()

    def stage(self, batches: Iterable[Batch]) -> None:
        self._staged += batches

    def release(self) -> None:
        """Writes all that is staged in one transaction: it appears with the commit."""
        # Made before the lock is taken: whoever waits for it would lose time.
        rows = [(batch.queue, list(batch.payloads())) for batch in self._staged]
        self._staged.clear()
        with self._open() as db:
            db.execute("BEGIN IMMEDIATE")
            for queue, payloads in rows:
                db.execute("INSERT OR IGNORE INTO kombu_queue (name) VALUES (?)", (queue,))
                (queue_id,) = db.execute("SELECT id FROM kombu_queue WHERE name = ?", (queue,)).fetchone()
                db.executemany(PUT, ((payload, queue_id) for payload in payloads))

    def waiting(self, queue: str = "celery") -> int:
        query = "SELECT count(*) FROM kombu_message m JOIN kombu_queue q ON q.id = queue_id WHERE visible = 1 AND name = ?"
        return self._count(query, queue)

    def unsettled(self) -> int:
        """Celery keeps no account of them here, and leaves what it has taken in the table."""
        table = "SELECT count(*) FROM sqlite_master WHERE name = 'rcelery_unacked'"
        return self._count("SELECT count(*) FROM rcelery_unacked") if self._count(table) else 0

    def results(self) -> int:
        return self._count("SELECT count(*) FROM celery_taskmeta WHERE status = 'SUCCESS'")

    def successes(self, ids: list[str]) -> int:
        rows = self._open().execute("SELECT task_id FROM celery_taskmeta WHERE status = 'SUCCESS'")
        return len({id for (id,) in rows}.intersection(ids))

    def cpu(self) -> float:
        return 0.0

    def close(self) -> None:
        if self._db:
            self._db.close()
            self._db = None
            for file in self._home.glob(f"{self._file.name}*"):
                file.unlink()

    def _count(self, query: str, *parameters: str) -> int:
        return self._open().execute(query, parameters).fetchone()[0]

    def _open(self) -> sqlite3.Connection:
        if not self._db:
            self._db = sqlite3.connect(self._file, timeout=60, isolation_level=None)
        return self._db
