"""Can everyone read it: by keyboard, with a screen reader, in the dark, on a telephone, on paper."""

import pytest
from playwright.sync_api import expect

TEXTS = "h1, h2, h3, h4, p, li, dt, dd, th, td, a, button, label, output, select, code, summary, svg text"

#: Texts whose contrast with what lies behind them is below that which WCAG 2.1 AA asks for.
TOO_PALE = """texts => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const linear = v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = rgb => [0.2126, 0.7152, 0.0722].reduce((sum, weight, k) => sum + weight * linear(rgb[k] / 255), 0);
  const behind = node => {
    for (; node; node = node.parentElement) {
      const colour = parse(getComputedStyle(node).backgroundColor);
      if (colour.length < 4 || colour[3] > 0.99) return colour;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const node of document.querySelectorAll(texts)) {
    if (!node.textContent.trim() || !node.getClientRects().length) continue;
    const style = getComputedStyle(node), ink = node.closest('svg') ? style.fill : style.color;
    const [a, b] = [luminance(parse(ink)), luminance(behind(node))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.push(`${node.tagName} ${node.textContent.slice(0, 30)} ${ink}`);
  }
  return bad;
}"""

#: What can be operated, and has no name for those who do not see it.
NAMELESS = """() => {
  const named = node => (node.textContent.trim() && node.tagName === 'BUTTON') || node.getAttribute('aria-label')
    || (node.labels && node.labels.length) || node.querySelector(':scope > title')
    || document.getElementById(node.getAttribute('aria-labelledby'));
  const all = document.querySelectorAll('button, select, input, canvas, svg.panel, [role=region], [tabindex]');
  return [...all].filter(node => !named(node)).map(node => node.outerHTML.slice(0, 100));
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(visit, scheme):
    page = visit(color_scheme=scheme).page
    assert page.evaluate(TOO_PALE, TEXTS) == []


def test_everything_has_a_name(visit):
    assert visit().page.evaluate(NAMELESS) == []


def test_the_keyboard_reaches_everything(visit):
    page = visit().page
    page.evaluate(
        """() => [...document.querySelectorAll('a[href], button, select, input, summary, [tabindex="0"]')]
          .filter(node => node.getClientRects().length).forEach((node, k) => { node.dataset.stop = k; })"""
    )
    stops = page.locator("[data-stop]").count()
    reached = set()
    for _ in range(stops + 3):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.dataset.stop"))
    assert stops > 60
    assert reached - {None} == {str(k) for k in range(stops)}


def test_each_section_is_named_and_linked(visit):
    page = visit().page
    for link in page.locator("nav a").all():
        target = page.locator(link.get_attribute("href"))
        assert target.count() == 1
        assert target.get_attribute("aria-labelledby")
        link.click()
        expect(target).to_be_in_viewport(timeout=60_000)  # the page glides there


@pytest.mark.parametrize("width", [360, 768, 1600])
def test_no_window_is_too_narrow(visit, width):
    page = visit(viewport={"width": width, "height": 800}).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for name in ("chart-parity", "chart-atom-map", "chart-cost"):
        box = page.locator(f"#{name} svg").first.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width


def test_paper(visit):
    """On paper it is light whatever the screen is, without what cannot be pressed there."""
    page = visit(color_scheme="dark").page
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("button:visible").count()
    assert not page.locator("nav").is_visible()
    assert page.locator("#chart-parity svg").first.is_visible()
    assert page.locator("canvas").is_visible()
    assert page.pdf().startswith(b"%PDF")
