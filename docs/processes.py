"""Sphinx directives for AiiDA processes: AiiDA's own, without the metadata that all processes have, with exit codes."""

from __future__ import annotations

import inspect

from aiida.engine.processes.ports import PortNamespace
from aiida.sphinxext.calcjob import AiidaCalcJobDirective
from aiida.sphinxext.workchain import AiidaWorkchainDirective
from docutils import nodes
from sphinx.application import Sphinx


class _Concise:
    """What differs from AiiDA's directives."""

    def build_content(self) -> nodes.Element:
        """Return docstring, ports, outline and exit codes."""
        content = super().build_content()  # type: ignore[misc]
        # Instead of one paragraph of unformatted text.
        content.children[0:1] = self.parse_text_to_nodes(inspect.getdoc(self.process))
        content += nodes.paragraph("", "", nodes.strong(text="Exit codes:"))
        codes = nodes.bullet_list(bullet="*")
        for code in sorted(self.process_spec.exit_codes.values(), key=lambda code: code.status):
            text = nodes.paragraph("", "", nodes.strong(text=str(code.status)), nodes.Text(f" {code.message}"))
            codes += nodes.list_item("", text)
        content += codes
        return content

    def build_portnamespace_doctree(self, port_namespace: PortNamespace) -> nodes.Element | None:
        """Return the ports of a namespace but its metadata."""
        shown = {name: port for name, port in port_namespace.items() if name != "metadata"}
        return super().build_portnamespace_doctree(shown)  # type: ignore[misc]


class WorkChainDirective(_Concise, AiidaWorkchainDirective):
    """``getl-workchain``"""


class CalcJobDirective(_Concise, AiidaCalcJobDirective):
    """``getl-calcjob``"""


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    app.add_directive("getl-workchain", WorkChainDirective)
    app.add_directive("getl-calcjob", CalcJobDirective)
    return {"parallel_read_safe": True}
