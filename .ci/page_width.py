"""No page of the site is wider than a phone: ``python .ci/page_width.py docs/_build/html``.

Opens every page in Chromium, 390 pixels wide, and prints the elements that stick out or are cut
off. An element that scrolls by itself, such as a code block, may be wider.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from html import unescape
from pathlib import Path

WIDTH = 390  # of a phone [CSS pixels]

HARNESS = """<!doctype html><pre id="found"></pre><script>
const pages = PAGES, found = {};

// What is longer than its room: text that is cut off, a block that sticks out or scrolls. Code,
// tables and formulas may scroll by themselves.
function wide(page) {
  const view = page.defaultView, width = page.documentElement.clientWidth, names = [];
  for (const element of page.querySelectorAll("body *")) {
    const box = element.getBoundingClientRect();
    const inside = element.parentElement.closest("pre, table, math, .math, svg, .visually-hidden");
    if (inside || box.width < 2 || box.right <= 0 || !element.checkVisibility()) continue;
    const scrolls = view.getComputedStyle(element).overflowX !== "visible"
      && !element.matches("pre, table, .math, input")
      && element.scrollWidth > element.clientWidth + 1;
    if (scrolls || box.right > width + 1)
      names.push(element.tagName.toLowerCase() + "." + element.className
        + ": " + element.textContent.trim().replace(/\\s+/g, " ").slice(0, 50));
  }
  return names;
}

async function visit() {
  for (const page of pages) {
    const frame = document.createElement("iframe");
    frame.style = "width: WIDTHpx; height: 800px";
    frame.src = page;
    const loaded = new Promise(resolve => frame.onload = resolve);
    document.body.append(frame);
    await loaded;
    found[page] = wide(frame.contentDocument);
    frame.remove();
  }
  document.getElementById("found").textContent = JSON.stringify(found);
}
visit();
</script>"""


def wide_elements(pages):
    """Return what is too wide in each page: a dict from the page's address to texts."""
    script = HARNESS.replace("PAGES", json.dumps(pages)).replace("WIDTH", str(WIDTH))
    with tempfile.TemporaryDirectory() as folder:
        harness = Path(folder) / "harness.html"
        harness.write_text(script, encoding="utf-8")
        command = [
            os.environ.get("CHROMIUM", "chromium"),
            *("--headless", "--no-sandbox", "--disable-web-security", "--dump-dom"),
            f"--user-data-dir={folder}",
            "--virtual-time-budget=100000",
            harness.as_uri(),
        ]
        dom = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(unescape(re.search('<pre id="found">(.*?)</pre>', dom, re.DOTALL)[1]))


if __name__ == "__main__":
    site = Path(sys.argv[1]).resolve()
    pages = sorted(page.as_uri() for page in site.rglob("*.html"))
    found = wide_elements(pages)
    assert list(found) == pages, "Chromium did not come to the end"
    for page, elements in found.items():
        for element in elements:
            print(f"{page.removeprefix(site.as_uri())[1:]}: {element}")
    sys.exit(any(found.values()))
