"""The site of the documentation is built from its sources without a warning."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_site_builds_without_warnings(tmp_path):
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "2", str(ROOT / "docs"), str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=1800)
    assert run.returncode == 0, run.stderr
    text = (tmp_path / "reference" / "workflows.html").read_text()
    assert "GetlWorkChain" in text
    assert "<strong>410</strong>" in text  # an exit code
    assert "custom_scheduler_commands" not in text  # options that all processes have
    commands = (tmp_path / "reference" / "cli.html").read_text()
    for command in ("dbi-import", "model-train", "trace"):
        assert f'id="aiida-getl-{command}"' in commands


def test_links_of_the_readme_lead_somewhere():
    links = re.findall(r"\]\(([^)#]+)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if "://" not in link and not (ROOT / link).exists()] == []
