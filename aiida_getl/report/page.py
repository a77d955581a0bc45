"""One HTML file that needs no network: what a report says, with its charts, tables and three-dimensional view.

Every text goes through the escaping of the templates; numbers for the scripts go through JSON with ``<``, ``>`` and
``&`` escaped. The page carries a policy that lets a browser run only the scripts of this package, by their checksums,
and load nothing, so that a text that slipped through would still do nothing.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from aiida_getl.report.charts import Chart, colour_stops
from aiida_getl.report.content import Chain, Report
from aiida_getl.report.privacy import scrub
from aiida_getl.report.sections import sections

SCRIPTS = ("charts.js", "scene.js", "lineage.js")


def render(report: Report) -> str:
    """Return the page."""
    report = scrub(report)
    parts = sections(report)
    charts = [block for part in parts for block in part.blocks if isinstance(block, Chart)]
    scene = next((part.scene for part in parts if part.scene is not None), None)
    scripts = [_asset(name) for name in SCRIPTS]
    return (
        _environment()
        .get_template("page.html")
        .render(
            report=report,
            sections=parts,
            charts={"charts": [chart.as_dict() for chart in charts], "viridis": colour_stops()},
            scene=scene,
            groups=_grouped(report.chains),
            style=Markup(_asset("style.css")),
            scripts=[Markup(script) for script in scripts],
            checksums=[_checksum(script) for script in scripts],
            gradient=Markup(_gradient()),
        )
    )


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("aiida_getl.report", "assets"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.tests["chart"] = lambda block: isinstance(block, Chart)
    environment.tests["text"] = lambda block: isinstance(block, str)
    return environment


@lru_cache
def _asset(name: str) -> str:
    return (files("aiida_getl.report") / "assets" / name).read_text(encoding="utf-8")


def _checksum(script: str) -> str:
    """Return the checksum of a script by which the page's policy knows it; browsers read line ends as \\n."""
    return "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def _grouped(chains: tuple[Chain, ...]) -> dict[str, list[Chain]]:
    """Return chains under their headings, in the order in which they come."""
    groups: dict[str, list[Chain]] = {}
    for chain in chains:
        groups.setdefault(chain.group, []).append(chain)
    return groups


def _gradient() -> str:
    return ", ".join(f"rgb({r},{g},{b})" for r, g, b in colour_stops())
