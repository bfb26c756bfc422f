"""Drives the Django project against a worker command; prints what came of it as JSON."""
import json
import os
import signal
import subprocess
import sys

here = os.path.dirname(os.path.abspath(__file__))
os.chdir(here)
sys.path.insert(0, here)
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
import django

django.setup()
from django.core.management import call_command
from orders import tasks
from shop.celery import app

call_command("migrate", run_syncdb=True, verbosity=0)
log = open(os.environ["NOTES"] + ".log", "wb")
worker = subprocess.Popen(sys.argv[1:], stdout=log, stderr=log, start_new_session=True)
seen = {}
try:
    first = tasks.place.delay("tea").get(timeout=30)
    seen["placed"] = first > 0
    seen["paid"] = tasks.pay.delay(first).get(timeout=30)
    lost = tasks.lose.delay()
    try:
        lost.get(timeout=30)
    except Exception as error:
        seen["lost"] = repr(error)
    seen["count"] = tasks.count.delay().get(timeout=30)
    seen["closed"] = tasks.is_closed.delay().get(timeout=30)
    seen["kind"] = tasks.kind.delay().get(timeout=30)
    seen["date"] = str(app.backend.get_task_meta(lost.id)["date_done"])[-6:]
    seen["registered"] = sorted(name for name in app.tasks if name.startswith("orders"))
finally:
    worker.send_signal(signal.SIGTERM)
    try:
        seen["exit code"] = worker.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(worker.pid, signal.SIGKILL)
        seen["exit code"] = "it had to be killed"
print(json.dumps(seen))
