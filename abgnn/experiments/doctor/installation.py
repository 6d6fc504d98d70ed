"""Python, required packages and extras, by what this installation's own metadata asks for."""

from __future__ import annotations

import platform
from collections.abc import Collection, Iterator
from importlib.metadata import PackageNotFoundError, metadata, requires, version

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from abgnn.experiments.doctor.finding import Finding, unless

MALICIOUS = {"lightning": ("2.6.2", "2.6.3")}  # GHSA-w37p-236h-pfx3: uploads that steal credentials


def python() -> Finding:
    """The interpreter, and the version of abgnn."""
    running, allowed = platform.python_version(), str(metadata("abgnn")["Requires-Python"])
    fine = SpecifierSet(allowed).contains(running, prereleases=True)
    mend = "" if fine else f"a virtual environment with Python {allowed}"
    text = f"{running} on {platform.system()} {platform.machine()}; abgnn {version('abgnn')}"
    return Finding("Python", unless(fine), text, mend)


def packages() -> Iterator[Finding]:
    """What abgnn cannot do without: a line for each package that is missing or does not fit."""
    needed = [r for r in _requirements() if _applies(r, "")]
    wrong = [r for r in needed if not _fits(r)]
    yield from (_package(requirement) for requirement in wrong)
    if not wrong:
        yield Finding("packages", "ok", f"all {len(needed)}, torch {version('torch')}")


def malicious() -> Iterator[Finding]:
    """Releases that are known to steal credentials, whoever installed them."""
    for name, versions in MALICIOUS.items():
        if (there := _installed(name)) in versions:
            text = f"{name} {there} is a malicious upload (GHSA-w37p-236h-pfx3); "
            text += "renew every key that this machine has held since"
            yield Finding("packages", "problem", text, f"pip install '{_demand(name)}'")


def extras(needed: Collection[str] = ()) -> Iterator[Finding]:
    """One line for all extras that are there, one for each that is not; `needed` ones must be."""
    there: list[str] = []
    for extra in sorted(metadata("abgnn").get_all("Provides-Extra") or ()):
        lacking = [r for r in _of_extra(extra) if not _fits(r)]
        if not lacking:
            there.append(extra)
            continue
        names = ", ".join(_lack(requirement) for requirement in lacking)
        mend = f"pip install 'abgnn[{extra}]'"
        yield Finding(f"extra {extra}", unless(False, extra in needed), f"lacks {names}", mend)
    if there:
        yield Finding("extras", "ok", ", ".join(there))


def _package(requirement: Requirement) -> Finding:
    mend = f"pip install '{requirement.name}{requirement.specifier}'"
    if requirement.name == "torch":  # left to the resolver it brings gigabytes of CUDA
        mend = "pip install torch==2.13.0"
    return Finding("packages", "problem", f"lacks {_lack(requirement)}", mend)


def _requirements() -> list[Requirement]:
    return [Requirement(line) for line in requires("abgnn") or ()]


def _of_extra(extra: str) -> list[Requirement]:
    """What an extra adds to what is needed anyway."""
    return [r for r in _requirements() if _applies(r, extra) and not _applies(r, "")]


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _fits(requirement: Requirement) -> bool:
    there = _installed(requirement.name)
    return there is not None and requirement.specifier.contains(there, prereleases=True)


def _lack(requirement: Requirement) -> str:
    """`NAME`, or `NAME>=2, here is 1.4`."""
    there = _installed(requirement.name)
    asked = f"{requirement.name}{requirement.specifier}"
    return asked if there is None else f"{asked}, here is {there}"


def _demand(name: str) -> str:
    """What we ask of a package, as pip reads it."""
    asked = next((r for r in _requirements() if r.name == name), None)
    return name if asked is None else f"{name}{asked.specifier}"


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
