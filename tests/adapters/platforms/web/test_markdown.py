"""The page's own Markdown, in a real Chromium: what is drawn, and what hostile text can't do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.support.browser import chromium
from tests.support.web_chat import served, web_chat

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from playwright.async_api import Page

pytestmark = pytest.mark.asyncio(loop_scope="module")

DRAW = """async texts => {
    const { render } = await import("/static/markdown.js");
    const container = document.createElement("div");
    document.body.append(container);
    for (const text of texts) render(container, text);
    // Only what the tests speak of.
    for (const it of container.querySelectorAll("*")) for (const { name } of [...it.attributes])
        if (!["href", "start"].includes(name)) it.removeAttribute(name);
    container.querySelectorAll("header").forEach(it => it.remove());
    const html = container.innerHTML;
    container.remove();
    return html;
}"""

TABLE = "|a|b|\n|---|:-:|\n|1|`x`|\n|2|\n\nEnde"
TABLE_DRAWN = (
    "<div><table><thead><tr><th>a</th><th>b</th></tr></thead><tbody><tr><td>1</td><td><code>x</code></td></tr>"
    "<tr><td>2</td><td></td></tr></tbody></table></div><p>Ende</p>"
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with served(web_chat()) as chat, chromium() as browser:
        page = await browser.new_page()
        await page.goto(chat.address)
        yield page


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("Hallo", "<p>Hallo</p>"),
        ("eins\nzwei\n\ndrei", "<p>eins<br>zwei</p><p>drei</p>"),
        ("**fett** und *kursiv*", "<p><strong>fett</strong> und <em>kursiv</em></p>"),
        ("__fett__, _kursiv_, ~~weg~~", "<p><strong>fett</strong>, <em>kursiv</em>, <s>weg</s></p>"),
        ("***beides***", "<p><strong><em>beides</em></strong></p>"),
        ("*außen **innen** außen*", "<p><em>außen <strong>innen</strong> außen</em></p>"),
        ("snake_case_name und 2 * 3 * 4", "<p>snake_case_name und 2 * 3 * 4</p>"),
        ("**offen", "<p>**offen</p>"),
        (r"\*kein Stern\*", "<p>*kein Stern*</p>"),
        ("`a*b*c` und ``a ` b``", "<p><code>a*b*c</code> und <code>a ` b</code></p>"),
        ("`offen", "<p>`offen</p>"),
        ("```py\nx\n\n'<b>'\n```\nEnde", "<div><pre><code>x\n\n'&lt;b&gt;'</code></pre></div><p>Ende</p>"),
        ("Davor\n~~~\n```\n~~~", "<p>Davor</p><div><pre><code>```</code></pre></div>"),
        ("```\noffen", "<div><pre><code>offen</code></pre></div>"),
        ("# Titel\n### Drei #", "<h4>Titel</h4><h6>Drei</h6>"),
        ("#kein Titel", "<p>#kein Titel</p>"),
        ("- a\n- b\n  - c\n- d", "<ul><li>a</li><li>b<ul><li>c</li></ul></li><li>d</li></ul>"),
        ("3. a\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("1. a\n\n   mehr\n\n2. b", "<ol><li><p>a</p><p>mehr</p></li><li>b</li></ol>"),
        (
            "1. a\n   ```\n   x\n   ```\n2. b",
            "<ol><li><p>a</p><div><pre><code>x</code></pre></div></li><li>b</li></ol>",
        ),
        ("Liste:\n- a", "<p>Liste:</p><ul><li>a</li></ul>"),
        ("1990 war\n1990. ein Jahr", "<p>1990 war<br>1990. ein Jahr</p>"),
        ("> a\n> - b", "<blockquote><p>a</p><ul><li>b</li></ul></blockquote>"),
        ("a\n\n---\n\nb", "<p>a</p><hr><p>b</p>"),
        (TABLE, TABLE_DRAWN),
        ("a | b", "<p>a | b</p>"),
        ("[Text](https://a.example/x_(y)?q=1)", '<p><a href="https://a.example/x_(y)?q=1">Text</a></p>'),
        ('[**T**](https://a.example "Titel")', '<p><a href="https://a.example"><strong>T</strong></a></p>'),
        ("[https://b.example](https://a.example)", '<p><a href="https://a.example">https://b.example</a></p>'),
        ("Ja: https://a.example/b_c_d.", '<p>Ja: <a href="https://a.example/b_c_d">https://a.example/b_c_d</a>.</p>'),
        ("<mailto:a@b.example>", '<p><a href="mailto:a@b.example">mailto:a@b.example</a></p>'),
        ("![Bild](https://a.example/b.png)", '<p><a href="https://a.example/b.png">Bild</a></p>'),
    ],
)
async def test_markdown_is_drawn_as_it_is_meant(page: Page, text: str, html: str) -> None:
    assert await page.evaluate(DRAW, [text]) == html


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,<script>1</script>)",
        "[x](//evil.example)",
        "[x](vbscript:x)",
        "[x](/admin)",
        "<javascript:alert(1)>",
        "![x](file:///etc/passwd)",
        "```<b>\n</code></pre><script>alert(1)</script>\n```",
        "|<b>|<i>|\n|-|-|\n|<script>|x|",
        '"><svg onload=alert(1)>',
    ],
)
async def test_hostile_text_stays_text(page: Page, text: str) -> None:
    html = await page.evaluate(DRAW, [text])
    for forbidden in ("<script", "<img", "<svg", "<b>", "<i>", "href"):
        assert forbidden not in html


@pytest.mark.parametrize(
    "text",
    [
        *(
            mark * 30_000
            for mark in ("*", "[", "(", "h", "#", "\n", "_a", "> ", "- ", "`a``", "**a ", "![](", "<http://")
        ),
        "|" * 15_000 + "\n" + "|-" * 7_000,
        "|a|b|\n|-|-|\n" + "|a|b|\n" * 4_000,
        "  - a\n" * 5_000,
        "*a **b " * 8_000,
        "- - " * 8_000 + "x",
        "1. a\n\n\n\n" * 5_000,
        "".join("`" * count + " " for count in range(240)),
    ],
    ids=range(20),
)
async def test_no_text_makes_the_page_slow(page: Page, text: str) -> None:
    measured = """async text => {
        const { render } = await import("/static/markdown.js");
        const begun = performance.now();
        render(document.createElement("div"), text);
        return performance.now() - begun;
    }"""
    assert await page.evaluate(measured, text) < 1500


async def test_a_text_that_grows_ends_as_if_it_had_come_at_once(page: Page) -> None:
    text = "Hallo **du**:\n\n1. a\n2. b\n\n```py\nx = 1\ny = 2\n```\n\n|a|b|\n|-|-|\n|1|2|\n\n> Zitat\n\nEnde."
    growing = [text[:end] for end in range(1, len(text) + 1)]
    assert await page.evaluate(DRAW, growing) == await page.evaluate(DRAW, [text])


async def test_what_stands_is_not_drawn_again(page: Page) -> None:
    kept = """async () => {
        const { render } = await import("/static/markdown.js");
        const container = document.createElement("div");
        render(container, "Eins\\n\\n```\\nx");
        const [first, code] = [container.firstChild, container.querySelector("pre")];
        render(container, "Eins\\n\\n```\\nx = 1\\n```\\n\\nEnde");
        return container.firstChild === first && container.querySelector("pre") === code
            && code.textContent === "x = 1";
    }"""
    assert await page.evaluate(kept)
