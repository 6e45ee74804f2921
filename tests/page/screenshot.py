"""
`python -m tests.page.screenshot FILE`: the picture in the README, of a server that is running with
the demo data (`make run`). One person writes, another one sees it come.
"""

import argparse

from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.chromium import CHROMIUM, OPTIONS

SIZE = {"width": 1200, "height": 720}
KITCHEN = "Кухня"


def entered(browser: Browser, url: str, name: str) -> Page:
    """A window of a demo person, in the group that all of them are in."""
    page = browser.new_page(base_url=url, viewport=SIZE, locale="en-GB")  # type: ignore[arg-type]
    page.goto("/")
    page.get_by_role("button", name=name).click()
    page.locator("#list a.row").filter(has_text=KITCHEN).first.click()
    expect(page.locator("#title")).to_have_text(KITCHEN)
    return page


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", metavar="FILE", help="a PNG to write")
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="%(default)s")
    chosen = parser.parse_args()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        grace, anna = (entered(browser, chosen.url, name) for name in ("Grace Hopper", "Анна"))
        for text in ("I am on my way, keep me a piece!", "And some tea, please 🍵"):
            grace.locator("#text").fill(text)
            grace.locator("#text").press("Enter")
            anna.get_by_text(text).last.wait_for()
        anna.locator("#text").fill("There is plenty. Come in!")
        anna.locator("#text").press("Enter")
        expect(anna.locator("article.own").last).to_have_attribute("data-state", "read")
        grace.locator("#text").press_sequentially("On the st", delay=50)
        expect(anna.locator("#status")).to_contain_text("Grace")
        anna.screenshot(path=chosen.file)
        browser.close()


if __name__ == "__main__":
    main()
