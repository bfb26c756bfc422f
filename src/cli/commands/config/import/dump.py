"""Prints the settings of a Celery configuration as JSON: `dump.py file PATH` or `dump.py app NAME`."""
import importlib.util
import json
import os
import sys
import types

answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)  # whatever the configuration prints is not the answer


def of_file(path):
    path = os.path.abspath(path)
    sys.path[:0] = [os.path.dirname(path), os.getcwd()]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None:
        sys.exit(path + " is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    names = [name for name in vars(module) if not name.startswith("_")]
    values = [(name, getattr(module, name)) for name in names]
    return [pair for pair in values if not isinstance(pair[1], types.ModuleType)], []


def of_app(name):
    sys.path.insert(0, os.getcwd())
    from celery.app.utils import find_app

    app = find_app(name)
    app.loader.import_default_modules()
    app.finalize()
    return changed(app.conf), sorted(task for task in app.tasks if not task.startswith("celery."))


source, target = sys.argv[1:]
pairs, tasks = of_file(target) if source == "file" else of_app(target)
settings = []
for name, value in pairs:
    fine, value = inner(value, name)
    if fine:
        settings.append([name, value])
json.dump({"settings": settings, "left": left, "tasks": tasks}, answer)
answer.close()
