"""`Programming`: the mixin of programming benchmarks, whose tests run in a sandbox."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

from abgnn.data.query import Query
from abgnn.data.specimens import split_header
from abgnn.sandbox import Sandbox
from abgnn.sandbox.tools.code_blocks import preamble
from datamodules.scoring.code import scored_program
from datamodules.scoring.wrong_programs import wrong_programs

_REMEMBERED = 1 << 14
_verdicts: dict[bytes, bool] = {}
"""Of this process's datamodules: a comparison's jobs judge the same programs again and again."""


class Programming:
    """Mixin: `meta` holds prompt, entry_point, test, and perhaps calls (source to be put behind the
    response) and names (the functions that the tests call, if not the entry point alone).

    A response is judged by the tests, in a sandbox without installed packages, as many at a time
    as there are cores. The tests run in another process than the response's code and see its
    results as plain data (`Sandbox.check`): the code can neither read nor touch them, and an
    object that claims to equal everything fails. What a function does to its arguments, and
    objects other than plain data, do not cross over. A program that has passed or failed its tests
    is not run again by this process under the same limits.
    """

    sandbox: Sandbox
    programs = True  # two right answers differ in text: they are compared by what they do

    def score(self, query: Query, response: str) -> float:
        """1 if the tests pass. Blocks while they run; safe in any thread."""
        prompt, entry = query.meta["prompt"], query.meta["entry_point"]
        program = scored_program(response, prompt, entry) + query.meta.get("calls", "")
        tests = f"{preamble(prompt, entry)}\n{query.meta['test']}\n"
        names = query.meta.get("names", (entry,))
        return float(self._passes(program, tests, names))

    def key(self, query: Query, response: str) -> str:
        """The program's text but for blank lines and ends of lines: votes on code are by text."""
        answer = split_header(response)[1]
        program = scored_program(answer, query.meta["prompt"], query.meta["entry_point"])
        return "\n".join(line.rstrip() for line in program.splitlines() if line.strip())

    def answer_keys(self, query: Query) -> list[str]:
        """The right program, and programs that fail the tests in different ways."""
        right = self.reference(query)
        return [right, *wrong_programs(right, query.meta["entry_point"])]

    def specimen(self, query: Query, key: str | None = None, *, correct: bool = True) -> str:
        """This program in a block; without one, the right one, or always the same wrong one."""
        if key is None:
            key = self.reference(query) if correct else self.failing(query)
        return f"```python\n{key}```"

    def _passes(self, program: str, tests: str, names: Iterable[str]) -> bool:
        """Whether the tests pass; what ran out of time, or was killed, may fare better later."""
        parts = "\0".join((program, tests, *names, str(self.sandbox.limits)))
        key = blake2b(parts.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        passed = _verdicts.get(key)
        if passed is None:
            ran = self.sandbox.check(program, tests, names)
            passed = ran.completed
            if ran.status in ("completed", "error"):
                if len(_verdicts) >= _REMEMBERED:
                    _verdicts.clear()
                _verdicts[key] = passed
        return passed

    def reference(self, query: Query) -> str:
        """A program that passes the tests."""
        raise NotImplementedError

    def failing(self, query: Query) -> str:
        """A program that fails them."""
        raise NotImplementedError

    def teardown(self, stage: str | None = None) -> None:
        """End the sandbox's workers; scoring starts new ones."""
        self.sandbox.close()
