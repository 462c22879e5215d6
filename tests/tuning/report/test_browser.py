"""Pages as people see them, in a headless Chromium."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from distune.tuning.report.findings import Findings
from distune.tuning.report.page import page as page_of
from distune.tuning.report.pictures import draw, write_html, write_pngs
from distune.tuning.report.pictures_compare import write_overlay
from tests.browsers import browser, needs_chromium
from tests.making.findings import EVIL, TEXTS, findings, findings_of, judged, study
from tests.making.findings_of_sets import many_answers, many_texts, of_sets
from tests.making.reviews import tiny_document

__all__ = ["browser", "findings", "study"]  # Fixtures.
pytestmark = [pytest.mark.slow, needs_chromium]


@dataclass
class Visit:
    """An open page, with what it complained of and what it asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)


def visit(browser: Browser, file: Path, width: int = 1200, dark: bool = False) -> Visit:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if dark else "light", offline=False
    )
    context.set_default_timeout(300_000)
    found = Visit(context.new_page())
    found.page.on("console", lambda message: found.complaints.append(message.text))
    found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
    found.page.on("dialog", lambda dialog: found.complaints.append(dialog.message))
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.goto(file.as_uri())
    return found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path) -> Path:
    place = tmp_path_factory.mktemp("report")
    found = findings_of(judged(tiny_document(place, reviews_csv, teacher_folder)), place)
    file = place / "report.html"
    file.write_text(page_of(found, TEXTS, *draw(found)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def report_of_sets(tmp_path_factory: pytest.TempPathFactory, reviews_csv: Path, teacher_folder: Path) -> Path:
    """The page of a search of 28 labels, several a text, with all that an answer may hold."""
    place = tmp_path_factory.mktemp("report-of-sets")
    found = of_sets(findings_of(judged(tiny_document(place, reviews_csv, teacher_folder)), place))
    answers = many_answers(28)
    answers.labels[::3, 5] = -1
    found = replace(found, answers=replace(answers, names=(EVIL, *answers.names[1:])))
    file = place / "report.html"
    file.write_text(page_of(found, many_texts(28), *draw(found)), encoding="utf-8")
    return file


@pytest.fixture(scope="module")
def opened(browser: Browser, report: Path) -> Callable[[int, bool], Visit]:
    """The report at a width, light or dark; as all its pictures take seconds to draw, each is opened once."""

    @functools.cache
    def once(width: int, dark: bool) -> Visit:
        found = visit(browser, report, width, dark)
        found.page.wait_for_selector(".main-svg")
        return found

    return once


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_the_page_draws_all_its_pictures_and_asks_for_nothing(
    opened: Callable[[int, bool], Visit], report: Path, findings: Findings, width: int, dark: bool
) -> None:
    found = opened(width, dark)
    for picture in draw(findings)[0]:
        box = found.page.locator(f"#picture-{picture.name} .main-svg").first.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 200, picture.name
    assert found.complaints == []
    assert found.requests == [report.as_uri()]
    # A phone scrolls down only; what is wider scrolls by itself.
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    paper = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
    drawn_on = found.page.locator("#picture-front .main-svg").first.evaluate("e => e.style.background")
    assert paper == drawn_on == ("rgb(20, 23, 26)" if dark else "rgb(255, 255, 255)")


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_the_page_of_many_labels_fits_a_phone_draws_every_label_and_shuts_nobody_out(
    browser: Browser, report_of_sets: Path, width: int, dark: bool
) -> None:
    found = visit(browser, report_of_sets, width, dark)
    found.page.wait_for_selector("#picture-labels .main-svg")
    assert found.page.evaluate("document.documentElement.scrollWidth") == width
    assert found.page.locator("#picture-labels .ytick text").count() == 27  # No test text has the last one.
    # The table of errors has its four columns on the screen, and does not scroll.
    table = found.page.locator("table.sets").first
    assert table.evaluate("e => e.scrollWidth <= e.parentElement.clientWidth")
    assert found.page.locator("table.sets td", has_text="document.title").count() > 0
    assert found.page.title() == "tiny: what the search found"
    assert (found.complaints, found.requests) == ([], [report_of_sets.as_uri()])
    for details in found.page.locator("details").all():
        details.evaluate("e => e.open = true")
    told = Axe().run(found.page)
    assert told.violations_count == 0, told.generate_report()


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_no_label_of_the_front_covers_a_mark(opened: Callable[[int, bool], Visit], width: int, dark: bool) -> None:
    front = opened(width, dark).page.locator("#picture-front")
    (label,) = [one.bounding_box() for one in front.locator(".annotation-text-g").all()]
    marks = [one.bounding_box() for one in front.locator(".points path, .errorbar path").all()]
    assert label is not None
    assert len(marks) > 5
    covered = [
        box
        for box in marks
        if box is not None
        and label["x"] < box["x"] + box["width"]
        and box["x"] < label["x"] + label["width"]
        and label["y"] < box["y"] + box["height"]
        and box["y"] < label["y"] + label["height"]
    ]
    assert covered == []


@pytest.mark.parametrize(("width", "dark"), [(1200, False), (390, True)])
def test_axe_finds_nothing_that_shuts_people_out(opened: Callable[[int, bool], Visit], width: int, dark: bool) -> None:
    page = opened(width, dark).page
    folded = page.locator("details:not([open])").element_handles()
    for details in folded:
        details.evaluate("e => e.open = true")
    found = Axe().run(page)
    for details in folded:
        details.evaluate("e => e.open = false")
    assert found.violations_count == 0, found.generate_report()


def test_a_text_with_html_in_it_is_read_as_it_was_written(opened: Callable[[int, bool], Visit]) -> None:
    found = opened(1200, False)
    assert found.page.title() == "tiny: what the search found"
    assert found.page.locator("td", has_text="document.title").first.text_content() == EVIL
    assert found.page.locator("main img").count() == 0
    # A label with HTML in it, on an axis of the confusion matrix.
    labels = found.page.locator("#picture-confusion .xaxislayer-above text").all_text_contents()
    assert "<b>好</b>" in labels
    assert found.complaints == []


def test_an_injected_script_would_not_run(browser: Browser, findings: Findings, tmp_path: Path) -> None:
    page = page_of(findings, TEXTS, [], [])
    assert "</main>" in page
    file = tmp_path / "report.html"
    file.write_text(page.replace("</main>", "<script>document.title = 'broken'</script></main>"), encoding="utf-8")
    found = visit(browser, file)
    assert found.page.title() == "tiny: what the search found"
    if not found.complaints:  # Chromium tells of it by itself, and maybe later than of the title.
        found.page.wait_for_event("console")
    assert any("Content Security Policy" in complaint for complaint in found.complaints)


def test_a_point_tells_its_trial(opened: Callable[[int, bool], Visit]) -> None:
    found = opened(1200, False)
    found.page.locator("#picture-front .points path").nth(1).hover(force=True)
    layer = found.page.locator("#picture-front .hoverlayer")
    layer.get_by_text("trial 2").first.wait_for(state="attached")
    told = layer.text_content() or ""
    assert "trial 2, after 2 of 2 epochs, complete" in told
    assert "hint 0.300 ms" in told


def test_printing_opens_what_is_folded_and_uses_light_ink(opened: Callable[[int, bool], Visit]) -> None:
    found = opened(390, True)
    found.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert found.page.locator("details:not([open])").count() == 0
    assert (
        found.page.locator("#picture-front .main-svg").first.evaluate("e => e.style.background") == "rgb(255, 255, 255)"
    )
    found.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert found.page.locator("#picture-front .main-svg").first.evaluate("e => e.style.background") == "rgb(20, 23, 26)"


def test_single_pictures_and_the_overlay_open_from_their_folder(
    browser: Browser, findings: Findings, tmp_path: Path
) -> None:
    pictures, _ = draw(findings)
    write_html(pictures, tmp_path)
    write_overlay((findings, findings), tmp_path / "overlay.html")
    for name in ("confusion", "parallel", "overlay"):
        found = visit(browser, tmp_path / f"{name}.html")
        found.page.wait_for_selector(".main-svg")
        assert found.complaints == [], name
        assert all(url.startswith("file://") for url in found.requests), name


def test_pngs_are_drawn_in_one_start_of_chromium(findings: Findings, tmp_path: Path, said: list[str]) -> None:
    pictures, _ = draw(findings)
    files = write_pngs(pictures, tmp_path)
    # The labels are Chinese: a machine without a font for them says so, and nothing else.
    assert [line.partition(":")[0] for line in said] in (
        [],
        ["the PNGs of the pictures have boxes instead of characters such as 差"],
    )
    assert [file.name for file in files] == [f"{picture.name}.png" for picture in pictures]
    for file in files:
        content = file.read_bytes()
        assert content[:8] == b"\x89PNG\r\n\x1a\n"
        assert int.from_bytes(content[16:20]) == 2000  # twice the width, for sharp screens
