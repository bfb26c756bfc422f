"""Task messages as Celery 5.7 puts them into a queue, made fast.

A queue is filled with what a Python producer would have sent, so that both contenders are given the same bytes.
"""

import base64
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

NO_CANVAS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}
REPR_LIMIT = 1024


@dataclass(frozen=True)
class Batch:
    """Calls of one task, numbered, with ids that nobody else has."""

    task: str
    numbers: range
    ignore_result: bool = True
    rest: tuple = ()
    """Arguments after the number."""
    queue: str = "celery"
    eta: str | None = None
    priority: int = 0
    family: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """What their ids have in common."""

    def ids(self) -> list[str]:
        return [self._id(self.family, n) for n in self.numbers]

    def payloads(self) -> Iterator[str]:
        tags = uuid.uuid4().hex[:12]
        template = self._template()
        rest = "".join(", " + json.dumps(value) for value in self.rest)
        before, after = "[[", f"{rest}], {{}}, {json.dumps(NO_CANVAS)}]"
        for n in self.numbers:
            body = base64.b64encode(f"{before}{n}{after}".encode()).decode()
            task_id = self._id(self.family, n)
            yield template % (body, task_id, task_id, n, task_id, self._id(tags, n))

    @staticmethod
    def _id(family: str, n: int) -> str:
        return f"{n:08x}-{family[:4]}-4{family[4:7]}-8{family[7:10]}-{family}"

    def _template(self) -> str:
        """An envelope with places for body, id, root id, number, correlation id and delivery tag."""
        shown = "".join(", " + _shown(value) for value in self.rest) or ","
        envelope = {
            "body": "%s",
            "content-encoding": "utf-8",
            "content-type": "application/json",
            "headers": {
                "lang": "py",
                "task": self.task,
                "id": "%s",
                "shadow": None,
                "eta": self.eta,
                "expires": None,
                "group": None,
                "group_index": None,
                "retries": 0,
                "timelimit": [None, None],
                "root_id": "%s",
                "parent_id": None,
                "argsrepr": f"(%d{shown})",
                "kwargsrepr": "{}",
                "origin": "gen1@bench",
                "ignore_result": self.ignore_result,
                "replaced_task_nesting": 0,
                "stamped_headers": None,
                "stamps": {},
            },
            "properties": {
                "correlation_id": "%s",
                "reply_to": str(uuid.uuid4()),
                "delivery_mode": 2,
                "delivery_info": {"exchange": "", "routing_key": self.queue},
                "priority": self.priority,
                "body_encoding": "base64",
                "delivery_tag": "%s",
            },
        }
        return json.dumps(envelope)


def _shown(value: object) -> str:
    """As in `argsrepr`, which shows the beginning of what is long."""
    text = repr(value)
    return text if len(text) < REPR_LIMIT else text[: REPR_LIMIT - 20] + "...'"
