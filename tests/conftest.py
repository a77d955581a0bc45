"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

pytest_plugins = ["aiida.tools.pytest_fixtures"]


@pytest.fixture(scope="session")
def reference_data() -> Path:
    """The published data; the tests that compare with it skip where it is absent."""
    path = Path(os.environ.get("GETL_REFERENCE_DATA", Path(__file__).parents[2] / "shared" / "data")).resolve()
    if not path.is_dir():
        pytest.skip(f"no reference data at {path}: set GETL_REFERENCE_DATA to the folder that holds prm4_113603")
    return path
