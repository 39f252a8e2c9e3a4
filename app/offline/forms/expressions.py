"""FHIRPath of a form, evaluated in a limited child process: expressions come from outside and are taken as hostile.

Bounds: 2 s of CPU time an expression, 120 s and 512 MB for the child, 64 KB an answer, 4,000 characters an
expression. One that breaks a bound is not tried again; the form goes on without it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import TracebackType
from typing import Protocol

from app.offline.child import child_command, child_environment
from app.offline.forms import fhirpath_child
from app.offline.forms.fhir_json import Json, write_object

log = logging.getLogger(__name__)

MAX_TEXT = 4000  # characters of an expression
CPU_S = 2
CHILD_CPU_S = 120
MEMORY_BYTES = 512 * 1024 * 1024
MAX_ANSWER_BYTES = 64 * 1024
_WAIT_S = 30.0


class ExpressionFailed(Exception):
    """The expression is wrong, too long, took too long or gave too much; `str()` says which, without content."""


@dataclass(frozen=True)
class Scope:
    """What an expression stands in: `focus`, the keys from the response to its item; `item`, the questionnaire's item;
    `variables` in the order in which they are to be evaluated, each (name, expression, focus)."""

    focus: tuple[str | int, ...] = ()
    item: Json = None
    variables: tuple[tuple[str, str, tuple[str | int, ...]], ...] = ()


class Evaluator(Protocol):
    """What the engine asks to evaluate; both block."""

    def begin(self, response: Json, questionnaire: Json, weights: Mapping[str, Decimal]) -> None: ...

    def evaluate(self, text: str, scope: Scope) -> Sequence[Json]:
        """The collection that a FHIRPath expression gives. Raises :class:`ExpressionFailed`."""
        ...


class ChildEvaluator:
    """The child process, started at the first use and again after it was ended. One thread at a time."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._state: bytes = b""
        self._failed: set[str] = set()

    def __enter__(self) -> ChildEvaluator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child; calling it again does nothing."""
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for pipe in (child.stdin, child.stdout):
                if pipe is not None:
                    with contextlib.suppress(OSError):
                        pipe.close()

    def begin(self, response: Json, questionnaire: Json, weights: Mapping[str, Decimal]) -> None:
        state = {"resource": response, "questionnaire": questionnaire, "weights": dict(weights)}
        line = write_object(state)
        if line != self._state:
            self._state = line
            if self._child is not None:
                self._ask(line)

    def evaluate(self, text: str, scope: Scope) -> Sequence[Json]:
        if len(text) > MAX_TEXT or any(len(expression) > MAX_TEXT for _, expression, _ in scope.variables):
            raise ExpressionFailed("too long a text")
        if text in self._failed:
            raise ExpressionFailed("it failed before")
        request = {
            "text": text,
            "focus": list(scope.focus),
            "item": scope.item,
            "variables": [[name, expression, list(focus)] for name, expression, focus in scope.variables],
        }
        answer = self._ask(write_object(request))
        if "values" not in answer:
            self._failed.add(text)
            raise ExpressionFailed(str(answer.get("fault")))
        values = _back(answer["values"])
        assert isinstance(values, list)
        return values

    def _ask(self, line: bytes) -> Mapping[str, Json]:
        """One line there and one back; a child that does not answer in time, or too much, is ended."""
        child = self._child or self._start()
        assert child.stdin is not None
        assert child.stdout is not None
        guard = threading.Timer(_WAIT_S, child.kill)
        guard.start()
        try:
            child.stdin.write(line.replace(b"\n", b" ") + b"\n")
            child.stdin.flush()
            found = child.stdout.readline(MAX_ANSWER_BYTES + 1024)
        except OSError:
            found = b""
        finally:
            guard.cancel()
        if not found.endswith(b"\n"):
            log.warning("the evaluation of a form's expression was ended")
            self.close()
            return {"fault": "ended"}
        answer = json.loads(found)
        assert isinstance(answer, dict)
        return answer

    def _start(self) -> subprocess.Popen[bytes]:
        """By its file: `-I` keeps the environment and the working folder off its path."""
        bounds = (CPU_S, MAX_ANSWER_BYTES)
        self._child = subprocess.Popen(
            child_command(fhirpath_child, *bounds, memory=MEMORY_BYTES, cpu=CHILD_CPU_S),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=child_environment(),
        )
        if self._state:
            self._ask(self._state)
        return self._child


def _back(value: Json) -> Json:
    if isinstance(value, dict):
        if set(value) == {"$decimal"}:
            return Decimal(value["$decimal"])
        if set(value) == {"$text"}:
            return value["$text"]
        return {name: _back(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_back(inner) for inner in value]
    return value
