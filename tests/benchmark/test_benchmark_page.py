"""The report's page in headless Chromium: sorting, filters, nothing from outside."""

import browser
import pytest
import synthetic_rows as synthetic

from gan_jax.benchmark.report.report import write_report

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        browser.binary() is None, reason="no Chromium: apt-get install chromium"
    ),
]
METHODS = list(synthetic.METHODS)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = synthetic.write(tmp_path_factory.mktemp("toy"), *synthetic.toy())
    write_report(path)
    return path


@pytest.fixture
def page(folder, tmp_path):
    with browser.page(tmp_path) as found:
        found.open(folder / "report.html")
        yield found


def column(page, index):
    rows = "[...document.querySelectorAll('#entries tbody tr')]"
    shown = f"{rows}.filter((row) => row.offsetParent)"
    return page.run(f"{shown}.map((row) => row.cells[{index}].innerText)")


def click(page, selector):
    page.run(f"document.querySelector({selector!r}).click()")


def test_page_asks_nobody_and_complains_of_nothing(page, folder):
    asked = {e["request"]["url"] for e in page.told("Network.requestWillBeSent")}
    own = (folder / "report.html").resolve().as_uri()
    assert {url for url in asked if not url.startswith("data:")} == {own}
    assert not page.told("Runtime.exceptionThrown")
    assert not page.told("Runtime.consoleAPICalled") + page.told("Log.entryAdded")


def test_a_click_sorts_by_value_and_another_turns_it_round(page):
    click(page, "#entries thead th:nth-child(3) button")
    rates = [int(words.split("/")[0]) for words in column(page, 2)]
    assert rates == sorted(rates) and len(rates) == 12
    click(page, "#entries thead th:nth-child(3) button")
    assert [int(words.split("/")[0]) for words in column(page, 2)] == rates[::-1]
    click(page, "#entries thead th:nth-child(2) button")
    assert column(page, 1) == sorted(column(page, 1))


def test_methods_that_failed_sort_last(page):
    click(page, "#entries thead th:nth-child(11) button")
    words = column(page, 10)
    numbers = [float(word) for word in words if word != "not reached"]
    assert numbers == sorted(numbers)
    assert words[len(numbers) :] == ["not reached"] * (12 - len(numbers))


def test_chips_show_only_what_is_chosen(page):
    click(page, "[data-chip-method=r1]")
    assert set(column(page, 1)) == {"r1"}
    click(page, "[data-chip-method=lsgan]")
    assert set(column(page, 1)) == {"r1", "lsgan"}
    click(page, "[data-chip-task=grid]")
    assert set(column(page, 0)) == {"grid"} and len(column(page, 0)) == 2
    visible = "[...document.querySelectorAll('figure')].filter((f) => f.offsetParent)"
    names = page.run(f"{visible}.map((f) => f.dataset.method).filter(Boolean)")
    assert set(names) == {"r1", "lsgan"}
    pressed = "document.querySelector('[data-chip-task=ring]').ariaPressed"
    assert page.run(pressed) == "false"
    for button in (
        "#filters .chips:nth-child(1) .all",
        "#filters .chips:nth-child(2) .all",
    ):
        click(page, button)
    assert len(column(page, 0)) == 12


def test_the_last_chip_taken_away_shows_all(page):
    click(page, "[data-chip-method=r1]")
    click(page, "[data-chip-method=r1]")
    assert len(column(page, 0)) == 12


def test_a_metric_is_chosen_for_its_task_alone(page):
    page.run(
        "const s = document.querySelector('[data-metric-of=ring]');"
        "s.value = 'robust_modes'; s.dispatchEvent(new Event('change'))"
    )
    shown = "[...document.querySelectorAll('[data-metric]')].filter((b) => !b.hidden)"
    metrics = page.run(f"{shown}.map((b) => b.dataset.metric)")
    assert metrics == ["robust_modes"] * 2 + ["sliced_wasserstein"] * 2


def test_names_of_methods_are_not_broken_on_a_phone(page, folder):
    page.open(folder / "report.html", 390, 844, mobile=True)
    heights = page.run(
        "[...document.querySelectorAll('.bar-row .name, .strip-row .name')]"
        ".filter((n) => n.textContent = 'wgan_gp_weak_lazy').map((n) => n.offsetHeight)"
    )
    assert heights and max(heights) < 30


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_page_fits_its_screen_and_text_is_legible(page, folder, width, height):
    page.open(folder / "report.html", width, height, mobile=width < 500)
    assert page.run("document.documentElement.scrollWidth") <= width
    sizes = page.run(
        "[...document.querySelectorAll('main text, main p, main td')]"
        ".filter((n) => n.getClientRects().length && n.textContent.trim())"
        ".map((n) => parseFloat(getComputedStyle(n).fontSize) *"
        " (n.ownerSVGElement ? n.ownerSVGElement.getScreenCTM().a : 1))"
    )
    assert min(sizes) >= 9


CONTRASTS = """
(() => {
  const luminance = (colour) => {
    const parts = colour.match(/[0-9.]+/g).slice(0, 3).map((part) => part / 255);
    const linear = parts.map((p) =>
      p <= 0.04045 ? p / 12.92 : ((p + 0.055) / 1.055) ** 2.4);
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const paper = (node) => {
    const own = getComputedStyle(node).backgroundColor;
    if (!own.startsWith("rgba(") || !own.endsWith(" 0)")) return own;
    return paper(node.parentElement);
  };
  const nodes = [...document.querySelectorAll("main p, main td, main th, .axis, dd")];
  return nodes.filter((node) => node.getClientRects().length).map((node) => {
    const style = getComputedStyle(node);
    const ink = node.tagName === "text" ? style.fill : style.color;
    const pair = [luminance(ink), luminance(paper(node))].sort((a, b) => a - b);
    return (pair[1] + 0.05) / (pair[0] + 0.05);
  });
})()
"""
"""The contrast of every text with what lies behind it: WCAG 2.1, 1.4.3."""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_legible_on_a_light_and_on_a_dark_screen(page, folder, scheme):
    media = [{"name": "prefers-color-scheme", "value": scheme}]
    page.send("Emulation.setEmulatedMedia", features=media)
    page.open(folder / "report.html")
    paper = "getComputedStyle(document.body).backgroundColor"
    parts = [int(part) for part in page.run(paper)[4:-1].split(",")]
    assert (max(parts) < 64) == (scheme == "dark")
    contrasts = page.run(CONTRASTS)
    assert len(contrasts) > 100 and min(contrasts) >= 4.5
