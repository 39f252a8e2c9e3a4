"""The child process that evaluates a form's FHIRPath: run as a file by `python -I`, under the limits of limited.py.

Arguments: CPU time (s) for one request, the most bytes of an answer. A request is a line of JSON on stdin, its answer
a line on stdout: {"values": [...]} or {"fault": "..."}.

{"resource": ..., "questionnaire": ..., "weights": {"system|code": n}} sets what is evaluated from then on;
{"text": ..., "focus": [keys], "item": {...}, "variables": [[name, text, focus], ...]} evaluates one expression.
It imports nothing of ours, writes no file and needs no network; fhirpathpy reaches for neither.
"""

from __future__ import annotations

import json
import re
import signal
import sys
from decimal import Decimal
from typing import Any

_NAME = re.compile(r"%`?([A-Za-z][\w-]*)")
_MAX_CACHED = 2000


class _TooLong(BaseException):
    """The time for one request is used up. No Exception: what is evaluated must not catch it."""


def _alarm(seconds: float) -> None:
    """CPU time, not the clock's: a busy computer is not the form's fault."""
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)


def _late(number: int, frame: object) -> None:
    raise _TooLong


class Evaluator:
    """What is evaluated, and the variables that were evaluated on it already."""

    def __init__(self) -> None:
        import fhirpathpy
        from fhirpathpy.models import models

        self._compile = fhirpathpy.compile
        self._model = models["r4"]
        self._paths: dict[str, Any] = {}
        self._resource: Any = {}
        self._questionnaire: Any = {}
        self._weights: dict[str, Decimal] = {}
        self._values: dict[str, list[Any]] = {}
        score = {"fn": self._weigh, "arity": {0: []}, "nullable": False}
        self._options = {"userInvocationTable": {"weight": score, "ordinal": score}}

    def set(self, request: dict[str, Any]) -> None:
        self._resource = request["resource"]
        self._questionnaire = request["questionnaire"]
        self._weights = request["weights"]
        self._values = {}

    def values(self, request: dict[str, Any]) -> list[Any]:
        known: dict[str, Any] = {}
        for name, text, focus in request["variables"]:
            key = json.dumps([name, text, focus])
            if key not in self._values and len(self._values) < _MAX_CACHED:
                try:
                    self._values[key] = self._one(text, focus, known, request["item"])
                except _TooLong:
                    raise
                except Exception:  # a variable that fails is empty, as one that finds nothing is
                    self._values[key] = []
            known[name] = self._values.get(key, [])
        return self._one(request["text"], request["focus"], known, request["item"])

    def _one(self, text: str, focus: list[Any], known: dict[str, Any], item: Any) -> list[Any]:
        at = self._resource
        for key in focus:
            at = at[key]
        # A name that nobody has given (%patient: the clinic's record, which is not here) is empty, not an error.
        given: dict[str, Any] = {name: [] for name in _NAME.findall(text) if name not in ("context", "ucum")}
        given.update(resource=self._resource, rootResource=self._resource, questionnaire=self._questionnaire)
        given.update(qitem=item, **{name: value for name, value in known.items() if name not in ("resource", "ucum")})
        path = self._paths.get(text)
        if path is None:
            path = self._paths[text] = self._compile(text, self._model, self._options)
        found = path(at, given)
        return found if isinstance(found, list) else [found]

    def _weigh(self, inputs: list[Any]) -> list[Any]:
        """The score of codings: in the answer itself (extension), else as the questionnaire has it."""
        found = []
        for one in inputs:
            if not isinstance(one, dict):
                continue
            own = [e["valueDecimal"] for e in one.get("extension", ()) if "valueDecimal" in e]
            score = own[0] if own else self._weights.get(f"{one.get('system', '')}|{one.get('code', '')}")
            if score is not None:
                found.append(score)
        return found


def _plain(value: Any) -> Any:
    """JSON of what fhirpathpy gives: its dates and quantities as their text."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, bool | int | str) or value is None:
        return value
    if isinstance(value, Decimal | float):
        return {"$decimal": f"{Decimal(str(value)):f}"}
    return {"$text": str(value)}


def _answer(evaluator: Evaluator, line: bytes, seconds: float, most: int) -> bytes:
    try:
        _alarm(seconds)
        request = json.loads(line, parse_float=Decimal)
        if "text" not in request:
            evaluator.set(request)
            return b'{"values":[]}'
        out = json.dumps({"values": _plain(evaluator.values(request))}).encode()
        return out if len(out) <= most else b'{"fault":"too large"}'
    except _TooLong:
        return b'{"fault":"too long"}'
    except (Exception, RecursionError) as exc:
        return json.dumps({"fault": type(exc).__name__}).encode()
    finally:
        _alarm(0.0)


def main(arguments: list[str]) -> int:
    seconds, most = (int(text) for text in arguments)
    if sys.platform != "win32":
        signal.signal(signal.SIGVTALRM, _late)
    out, sys.stdout = sys.stdout.buffer, sys.stderr  # fhirpathpy prints what it traces
    evaluator = Evaluator()
    for line in sys.stdin.buffer:
        out.write(_answer(evaluator, line, float(seconds), most) + b"\n")
        out.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
