"""What the figures were measured on, and with."""

import datetime
import os
import platform
import subprocess
from pathlib import Path

from .bench import Setup


def machine() -> dict[str, object]:
    return {
        "cpu": _line("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory_gb": round(int(_line("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def versions(setup: Setup) -> dict[str, str]:
    packages = "import sys, celery, kombu, redis, sqlalchemy as s; print(sys.version.split()[0], celery.__version__, kombu.__version__, redis.__version__, s.__version__)"
    python, celery, kombu, redis_py, sqlalchemy = _output(setup.python, "-c", packages).split()
    redis = next(word[2:] for word in _output("redis-server", "--version").split() if word.startswith("v="))
    return {
        "rcelery": _output(str(setup.built / "rcelery"), "--version").split()[1],
        "commit": _output("git", "-C", str(setup.repository), "describe", "--always", "--dirty"),
        "rustc": _output("rustc", "--version").split()[1],
        "profile": setup.built.name,
        "celery": celery,
        "kombu": kombu,
        "python": python,
        "redis-py": redis_py,
        "sqlalchemy": sqlalchemy,
        "redis": redis,
    }


def _output(*args: str) -> str:
    return subprocess.run(args, capture_output=True, text=True, check=False).stdout.strip()


def _line(file: str, name: str) -> str:
    for line in Path(file).read_text().splitlines():
        if line.startswith(name):
            return line.partition(":")[2].strip()
    return "unknown"
