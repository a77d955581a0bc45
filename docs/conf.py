"""Sphinx: `sphinx-build -W --keep-going docs docs/_build` makes the site; a warning is an error."""

import os
import sys
import tempfile
from importlib.metadata import version as version_of

sys.path.insert(0, os.path.dirname(__file__))  # for the directives in processes.py

# AiiDA's directives load process classes, which ask for a profile: one of this build alone, in memory.
os.environ["AIIDA_PATH"] = tempfile.mkdtemp()

from aiida import load_profile
from aiida.manage.configuration import get_config
from aiida.storage.sqlite_temp import SqliteTempBackend

# autodoc looks at every attribute, those that AiiDA has deprecated, too.
get_config(create=True).set_option("warnings.showdeprecations", False)
load_profile(SqliteTempBackend.create_profile("documentation"))

project = "aiida-getl"
copyright = "The aiida-getl developers"
release = version_of("aiida-getl")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_click",
    "processes",
]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]
smartquotes = False  # two hyphens are an option, not a dash

autodoc_typehints = "none"
autodoc_member_order = "bysource"

html_theme = "furo"
html_title = f"aiida-getl {release}"
