"""Runs what the tests say: one JSON object `{"code": …}` a line in, one answer a line out.

The code sees the names of the app module `proj` and keeps its own from line to line. An answer is
`{"value": …}`, the last statement's value where that is an expression, or `{"error": traceback}`.
"""

import ast
import json
import sys
import traceback

import proj

names = dict(vars(proj))
answers = sys.stdout
sys.stdout = sys.stderr


def run(code):
    tree = ast.parse(code)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "<test>", "exec"), names)
    if last is not None:
        return eval(compile(ast.Expression(last.value), "<test>", "eval"), names)
    return None


for line in sys.stdin:
    try:
        answer = json.dumps({"value": run(json.loads(line)["code"])}, default=repr)
    except BaseException:
        answer = json.dumps({"error": traceback.format_exc()})
    print(answer, file=answers, flush=True)
