"""A process that compares LaTeX answers by math-verify: a script that imports nothing else of ours.

One JSON list `[gold, answer]` a line comes in, `true` or `false` goes out. It says `"ready"`
once it has loaded. An alarm ends it if nobody else does; memory is limited.
"""

import json
import logging
import signal
import sys

MEMORY = 2 << 30  # bytes of address space


def main(seconds: float) -> None:
    """Serve until standard input ends."""
    from math_verify import parse, verify

    logging.disable(logging.WARNING)  # it warns that it is not timed; the parent does that
    _limit_memory()
    _say("ready")
    for line in sys.stdin:
        gold, answer = json.loads(line)
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, seconds)
        left, right = (parse(f"\\boxed{{{text}}}", parsing_timeout=None) for text in (gold, answer))
        right = [value for value in right if not isinstance(value, str)]  # text is compared outside
        equal = bool(left and right) and verify(
            left, right, allow_set_relation_comp=True, timeout_seconds=None
        )
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)
        _say(bool(equal))


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    most = MEMORY if hard == resource.RLIM_INFINITY else min(MEMORY, hard)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


if __name__ == "__main__":
    main(float(sys.argv[1]))
