"""The whole set-up, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiida_getl.setup.codes import CODES, ensure_code
from aiida_getl.setup.daemon import ensure_daemon
from aiida_getl.setup.engines import ENGINES, engine_version, find_engine, parallel_launcher, require_engine
from aiida_getl.setup.profile import ensure_localhost, ensure_profile
from aiida_getl.setup.pseudos import ensure_family


@dataclass(frozen=True)
class Step:
    """What one step of the set-up was about, and what came of it."""

    name: str
    result: str


def set_up_everything(profile_name: str) -> Iterator[Step]:
    """Bring engines, profile, computer, codes, pseudopotentials and daemon in order, telling each step when done.

    Raises
    ------
    EngineError
        Before anything is made, if an engine that is needed is missing or does not run.
    """
    from aiida.manage.configuration import get_config

    engines: dict[str, tuple[Path, str]] = {}
    for name, engine in ENGINES.items():
        path = require_engine(name) if engine.required else find_engine(name)
        if path is None:
            yield Step(name, f"not here; getl-cohp does its work (get it by {engine.remedy})")
            continue
        version = engine_version(name, path)
        engines[name] = (path, version)
        yield Step(name, f"{version} ({path})")
    launcher = parallel_launcher(engines["pw.x"][0])
    yield Step("in parallel", " ".join(launcher) if launcher else "no mpirun fits pw.x: it runs on one core")

    profile, is_new = ensure_profile(profile_name)
    config = get_config()
    yield Step("profile", f"{profile.name} {'created' if is_new else 'exists'} in {config.dirpath}")
    if config.default_profile_name != profile.name:
        yield Step(
            "", f"AiiDA's default profile stays {config.default_profile_name}: use `aiida-getl -p {profile.name}`"
        )
    computer = ensure_localhost(launcher, Path(config.dirpath) / "scratch" / profile.name)
    yield Step("computer", f"{computer.label}, jobs run in {computer.get_workdir()}")
    for name in CODES:
        if name in engines:
            code, is_new = ensure_code(name, *engines[name], computer)
            yield Step("code", f"{code.full_label} {'created' if is_new else 'exists'}")
    family, is_new = ensure_family(engines["ld1.x"][0])
    yield Step(
        "pseudopotentials", f"{family.label} ({', '.join(sorted(family.elements))}) {'created' if is_new else 'exists'}"
    )
    yield Step("daemon", ensure_daemon(profile.name))
