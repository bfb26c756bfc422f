"""A Redis server of the benchmark's own: broker in database 0, results in database 1."""

import json
import socket
from collections.abc import Iterable
from pathlib import Path

from . import usage
from .messages import Batch
from .program import Failure, Program

CHUNK = 500
"""Messages in one command."""
STEPS = (0, 3, 6, 9)
"""kombu's priority steps."""
SEP = "\x06\x16"


class Connection:
    """As much of the protocol as is needed here."""

    def __init__(self, port: int):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._file = self._socket.makefile("rb", 1 << 16)

    def __call__(self, *words: object):
        self._send(*words)
        answer = self._answer()
        for one in answer if isinstance(answer, list) else [answer]:
            if isinstance(one, Failure):
                raise one
        return answer

    def _send(self, *words: object) -> None:
        parts = [f"*{len(words)}\r\n".encode()]
        for word in words:
            data = word if isinstance(word, bytes) else str(word).encode()
            parts += (f"${len(data)}\r\n".encode(), data, b"\r\n")
        self._socket.sendall(b"".join(parts))

    def _answer(self):
        line = self._file.readline()
        kind, rest = line[:1], line[1:-2]
        match kind:
            case b"+":
                return rest.decode()
            case b":":
                return int(rest)
            case b"$":
                return None if rest == b"-1" else self._file.read(int(rest) + 2)[:-2]
            case b"*":
                return [self._answer() for _ in range(int(rest))]
        # Raised once the whole answer is read, lest the next command gets the rest.
        return Failure(f"redis: {line!r}")


class Redis:
    """The server; the store that both contenders use."""

    name = "redis"

    def __init__(self, home: Path):
        self.port = _free_port()
        args = ["redis-server", "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(home)]
        args += ["--save", "", "--appendonly", "no", "--loglevel", "warning"]
        self._program = Program(args, {"PATH": "/usr/bin:/bin:/usr/local/bin"}, home, "redis.log")
        self._program.wait_until("redis-server answers", self._answers)
        self._db = [self._connect(0), self._connect(1)]
        self.broker = f"redis://127.0.0.1:{self.port}/0"
        self.backend = f"redis://127.0.0.1:{self.port}/1"
        self._staged: list[tuple[str, str]] = []

    def clear(self) -> None:
        self._db[0]("FLUSHALL")
        self._staged.clear()

    def stage(self, batches: Iterable[Batch]) -> None:
        """Puts messages where nobody looks for them yet."""
        for batch in filter(lambda batch: batch.numbers, batches):
            step = max(step for step in STEPS if step <= batch.priority)
            queue = f"{batch.queue}{SEP}{step}" if step else batch.queue
            size = max(1, min(CHUNK, 50_000_000 // (1000 + 2 * sum(len(str(v)) for v in batch.rest))))
            chunk: list[str] = []
            for payload in batch.payloads():
                chunk.append(payload)
                if len(chunk) == size:
                    self._db[0]("LPUSH", f"staged.{queue}", *chunk)
                    chunk.clear()
            if chunk:
                self._db[0]("LPUSH", f"staged.{queue}", *chunk)
            self._staged.append((f"staged.{queue}", queue))

    def release(self) -> None:
        """Lets all that is staged appear in its queues at one moment."""
        self._db[0]("MULTI")
        for staged, queue in self._staged:
            self._db[0]("RENAME", staged, queue)
        self._db[0]("EXEC")
        self._staged.clear()

    def waiting(self, queue: str = "celery") -> int:
        return self._db[0]("LLEN", queue)

    def unsettled(self) -> int:
        """Messages that are taken and not acknowledged."""
        return self._db[0]("HLEN", "unacked")

    def results(self) -> int:
        return self._db[1]("DBSIZE")

    def successes(self, ids: list[str]) -> int:
        """How many of these ids have the result of a success."""
        found = 0
        for start in range(0, len(ids), 1000):
            keys = [f"celery-task-meta-{id}" for id in ids[start : start + 1000]]
            metas = (json.loads(meta) for meta in self._db[1]("MGET", *keys) if meta)
            found += sum(meta["status"] == "SUCCESS" for meta in metas)
        return found

    def cpu(self) -> float:
        return usage.cpu(self._program.pid)

    def version(self) -> str:
        return dict(line.split(":", 1) for line in self._db[0]("INFO", "server").decode().split("\r\n") if ":" in line)[
            "redis_version"
        ]

    def close(self) -> None:
        self._program.kill()

    def _answers(self) -> bool:
        try:
            return self._connect(0)("PING") == "PONG"
        except (OSError, Failure):
            return False

    def _connect(self, database: int) -> Connection:
        connection = Connection(self.port)
        connection("SELECT", database)
        return connection


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
