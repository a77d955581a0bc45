"""Frames per second of the report's three-dimensional view while it turns, in Chromium without a graphics card.

    python tests/benchmarks/report_view.py --atoms 10000

The pictures are drawn by the processor (SwiftShader), which is the slowest machine that a reader may have. A glass is
imitated by a rattled lattice. Each measurement turns the view by one key press a frame, and counts what was drawn;
beside it the CPU time of a frame, which other work on the machine changes less.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import psutil
from playwright.sync_api import Page, sync_playwright

from aiida_getl.report.content import Bonding, Report, Reproduce, Stage
from aiida_getl.report.page import render
from aiida_getl.structures.bonds import bond_types, find_bonds

ARGUMENTS = ["--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
TURN = """seconds => new Promise(done => {
  const canvas = document.querySelector('#view canvas'), view = document.getElementById('view');
  const drawn = () => +view.dataset.frames, start = performance.now(), before = drawn();
  const turn = () => {
    const took = (performance.now() - start) / 1000;
    if (took > seconds) return done((drawn() - before) / took);
    canvas.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowLeft'}));
    requestAnimationFrame(turn);
  };
  turn();
})"""
SHOW_ALL = """() => {
  const least = document.querySelector('#view [name=least]');
  least.value = least.min;
  least.dispatchEvent(new Event('input', {bubbles: true}));
}"""


def glass(n_atoms: int, seed: int = 0) -> Bonding:
    """Return a rattled lattice of about so many atoms with random strengths of its bonds."""
    rng = np.random.default_rng(seed)
    n = round(n_atoms ** (1 / 3))
    cell = 2.6 * n * np.eye(3)
    grid = np.stack(np.meshgrid(*[np.arange(n)] * 3), -1).reshape(-1, 3)
    positions = 2.6 * grid + rng.normal(0, 0.2, grid.shape)
    symbols = rng.choice(["Cu", "Zr"], len(grid)).tolist()
    bonds = find_bonds(positions, cell, 3.9)
    strength = np.exp(2.4 - bonds.distance) * rng.lognormal(0, 0.1, len(bonds))
    return Bonding(symbols, positions, cell, bonds, np.asarray(bond_types(symbols, bonds)), strength, 0.1 * strength)


def main() -> None:
    """Measure, and print a line for each view."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--atoms", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    given = parser.parse_args()
    bonding = glass(given.atoms)
    report = Report("view", "prediction", {}, "", (Stage("Predict", ""),), Reproduce((), "", {}, ()), bonding=bonding)
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(render(report), encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.set_default_timeout(120_000)
        page.goto(path.as_uri())
        page.locator("#view[data-state=still]").wait_for()
        print(f"{len(bonding.symbols)} atoms, {len(bonding.bonds)} bonds, {path.stat().st_size / 1e6:.1f} MB")
        print(f"as it opens: {measured(page, given.seconds)}")
        page.evaluate(SHOW_ALL)
        page.locator("#view[data-state=still]").wait_for()
        print(f"with all bonds: {measured(page, given.seconds)}")
        browser.close()


def measured(page: Page, seconds: float) -> str:
    """Turn the view for so long, and say how it went."""
    page.evaluate(TURN, 2.0)  # it finds out how coarse it has to be
    before = cpu_time()
    rate = page.evaluate(TURN, seconds)
    return f"{rate:.1f} frames a second, {(cpu_time() - before) / (rate * seconds):.3f} s of CPU each"


def cpu_time() -> float:
    """Return what the browser's processes have computed, in s."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()
