"""The structure in three dimensions, pixel by pixel."""

import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def view(visit):
    page = visit().page
    page.locator("#view[data-state=still]").wait_for()
    page.locator("canvas").scroll_into_view_if_needed()
    return page


def pixels(page):
    """Return the canvas as (height, width, 3), after whatever is to be drawn has been."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    page.locator("#view[data-state=still]").wait_for()
    return np.array(Image.open(io.BytesIO(page.locator("canvas").screenshot())).convert("RGB")).astype(int)


def drawn(page):
    """Return how many pixels are not the ground."""
    found = pixels(page)
    return int((np.abs(found - found[2, 2]).sum(axis=2) > 24).sum())


def choose(page, **values):
    for name, value in values.items():
        page.locator(f"#view [name={name}]").evaluate(
            "(node, value) => { node.value = value; node.dispatchEvent(new Event('input', {bubbles: true})); }",
            str(value),
        )


def test_atoms_and_bonds_are_there(view):
    both = drawn(view)
    assert both > 0.05 * pixels(view)[..., 0].size
    choose(view, bonds="none")
    atoms = drawn(view)
    choose(view, atoms="none")
    frame = drawn(view)
    choose(view, bonds="strength")
    bonds = drawn(view)
    assert frame < atoms < both
    assert frame < bonds < both


def test_bonds_have_the_colours_of_their_strengths(view):
    """Few strong bonds are yellow, the ends of the scale; many weak ones violet and blue."""
    choose(view, atoms="none", least=0)
    page = pixels(view)
    red, green, blue = page[..., 0], page[..., 1], page[..., 2]
    assert ((green > 120) & (red > 120) & (blue < 110)).sum() > 20
    assert ((blue > green + 20) & (blue > 60) & (red < 120)).sum() > 200


def test_weak_bonds_can_be_hidden(view):
    choose(view, atoms="none", least=-9)
    everything = drawn(view)
    assert view.locator("#view [name=least] + output").text_content() == "all"
    choose(view, least=0.9)
    some = drawn(view)
    assert some < 0.8 * everything
    assert view.locator("#view [name=least] + output").text_content() == "above 0.90 eV"
    choose(view, least=-9, type=0)
    assert drawn(view) < everything


def test_slices(view):
    everything = drawn(view)
    choose(view, thickness=20)
    middle = drawn(view)
    choose(view, slice=5)
    edge = pixels(view)
    choose(view, axis=0)
    assert middle < 0.7 * everything
    assert np.abs(edge - pixels(view)).max() > 50


def test_it_turns_zooms_and_comes_back(view):
    before = pixels(view)
    canvas = view.locator("canvas")
    canvas.focus()
    for _ in range(3):
        view.keyboard.press("ArrowRight")
    turned = pixels(view)
    assert (np.abs(turned - before).sum(axis=2) > 24).mean() > 0.02
    view.keyboard.press("0")
    np.testing.assert_array_equal(pixels(view), before)
    view.keyboard.press("+")
    view.keyboard.press("+")
    assert (pixels(view) != before).any()
    view.locator("#view-home").click()
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    view.mouse.move(*middle)
    view.mouse.down()
    view.mouse.move(middle[0] + 80, middle[1] + 30, steps=4)
    view.mouse.up()
    assert (np.abs(pixels(view) - before).sum(axis=2) > 24).mean() > 0.02


def test_the_wheel_zooms(view):
    choose(view, bonds="none")
    before = drawn(view)
    box = view.locator("canvas").bounding_box()
    view.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    frames = view.locator("#view").get_attribute("data-frames")
    view.mouse.wheel(0, 400)
    view.locator(f"#view:not([data-frames='{frames}'])").wait_for()
    assert drawn(view) < 0.8 * before


def test_pointing_tells_the_values(view):
    """Somewhere on a path across the middle there are atoms, and bonds between them."""
    box = view.locator("canvas").bounding_box()
    info = view.locator("#view-info")
    told = set()
    for step in range(40):
        view.mouse.move(box["x"] + box["width"] * (0.35 + 0.0075 * step), box["y"] + box["height"] * 0.5)
        view.evaluate("() => new Promise(requestAnimationFrame)")
        told.add(info.text_content())
    assert any("sum of their strengths" in text and "bonds listed" in text for text in told)
    assert any("±" in text and "Å" in text for text in told)


def test_elements_can_be_hidden(view):
    choose(view, bonds="none")
    everything = drawn(view)
    button = view.locator("button[data-element=Zr]")
    assert button.get_attribute("aria-pressed") == "true"
    button.click()
    assert button.get_attribute("aria-pressed") == "false"
    assert drawn(view) < 0.9 * everything


def test_the_colour_bar_says_what_it_shows(view):
    bar = view.locator("#view .bar:not([hidden])")
    assert bar.text_content().startswith("−ICOHP (eV)")
    choose(view, bonds="std")
    assert bar.text_content().startswith("std (eV)")
    choose(view, bonds="none")
    assert bar.count() == 0
    choose(view, atoms="sum")
    assert bar.text_content().startswith("sum of an atom (eV)")


def test_the_ground_is_that_of_the_scheme(visit):
    grounds = []
    for scheme in ("light", "dark"):
        page = visit(color_scheme=scheme).page
        page.locator("#view[data-state=still]").wait_for()
        page.locator("canvas").scroll_into_view_if_needed()
        grounds.append(pixels(page)[2, 2].sum())
    assert grounds[0] > 600 > 200 > grounds[1]


def test_a_browser_without_webgl_says_so(launch, visit, report_file):
    browser = launch(["--no-sandbox", "--disable-3d-apis"])
    there = visit(browser=browser)
    assert "offers no WebGL 2" in there.page.locator("#view-info").text_content()
    assert there.page.locator("canvas").is_hidden()
    assert there.page.locator("#chart-atom-map circle.mark").count() > 100
    assert not [line for line in there.seen.complaints if line.startswith("error")]
    there.page.context.close()
    browser.close()
