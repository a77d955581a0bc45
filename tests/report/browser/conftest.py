"""A real browser without a window, and pages opened in it from disk."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import pytest

from aiida_getl.report.page import render

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
#: In a container there is no user namespace for the sandbox, and no graphics card for WebGL.
ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@pytest.fixture(scope="module")
def launch():
    """Return a function that starts the browser with arguments.

    Not for the whole session: while Playwright runs, its event loop does, and AiiDA's processes cannot.
    """
    from playwright.sync_api import sync_playwright

    path = next(filter(None, map(shutil.which, CHROMIUM)), None)
    if path is None:
        pytest.fail("no Chromium on the PATH: `bash examples/install.sh --tests` installs it", pytrace=False)
    with sync_playwright() as playwright:
        yield lambda arguments: playwright.chromium.launch(executable_path=path, args=arguments)


@pytest.fixture(scope="module")
def browser(launch):
    """Chromium."""
    browser = launch(ARGUMENTS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def report_file(make_report, tmp_path_factory):
    """The file of the report that has everything."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    path.write_text(render(make_report()), encoding="utf-8")
    return path


@pytest.fixture
def visit(browser, report_file):
    """Return a function that opens the report; what the browser complains of and asks for is kept."""
    contexts = []

    def open_page(path=report_file, browser=browser, **options):
        context = browser.new_context(**({"viewport": {"width": 900, "height": 600}} | options))
        contexts.append(context)
        context.set_default_timeout(120_000)  # a busy machine draws slowly without a graphics card
        page = context.new_page()
        seen = SimpleNamespace(complaints=[], requests=[])
        page.on("console", lambda message: seen.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: seen.complaints.append(str(error)))
        page.on("request", lambda request: seen.requests.append(request.url))
        page.goto(path.as_uri())
        return SimpleNamespace(page=page, seen=seen)

    yield open_page
    for context in contexts:
        context.close()
