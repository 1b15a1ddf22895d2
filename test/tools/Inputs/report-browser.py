"""Uses a report in headless Chromium: report-browser.py PAGE [--time SECONDS].

With --time it is opened three times, and once that must take less than so many seconds of a processor, from the request to
the picture. Other load on the machine makes the seconds of a clock more, which are only printed.
"""

import argparse
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
from browser import Browser

TITLE = "document.querySelector('#details h2').innerText"
DETAILS = "document.querySelector('#details').innerText"
# Texts of the roofline that lie over others, in any step.
OVERLAPS = """[...document.querySelector('#step').options].flatMap((step) => {
      document.querySelector('#step').value = step.value;
      document.querySelector('#step').dispatchEvent(new Event('change'));
      const boxes = [...document.querySelectorAll('#roof svg text')].map((text) => [text.textContent, text.getBoundingClientRect()]);
      return boxes.flatMap(([text, a], i) => boxes.slice(i + 1).filter(([, b]) =>
        a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 2 && b.top < a.bottom - 2)
        .map(([other]) => `${step.text}: ${text} | ${other}`));
    })"""


def wait(browser, expression):
    """Waits until it is true; a timeout of the browser ends it otherwise."""
    browser.run(f"new Promise((done) => {{ const look = () => {expression} ? done() : setTimeout(look, 20); look(); }})")


def use_graph(browser):
    assert browser.run("document.querySelectorAll('.frame.kernel').length") > 5
    assert "alike" in browser.run("document.querySelector('.label.layers').textContent")
    browser.click("#drawing .node[aria-label='o_proj, linear'] rect")
    assert browser.run(TITLE) == "linear in decode.o_proj", browser.run(TITLE)
    wait(browser, "document.querySelectorAll('.assembly .marked').length > 0")
    details = browser.run(DETAILS)
    for part in ("From the config", "config.json", "IR", "llama.linear", "Schedule", "#llama.", "Cost", "Why", "chosen"):
        assert part in details, (part, details[:2000])
    # Of a GPU there may be PTX alone.
    assert "Machine code" in details or "PTX (" in details, details[:2000]
    # With the keyboard alone.
    browser.run("document.querySelector('#drawing [tabindex]').focus()")
    browser.press("ArrowDown")
    browser.press("Enter")
    assert browser.run("document.querySelectorAll('#drawing .chosen').length") == 1
    assert browser.run(TITLE) != "linear in decode.o_proj"
    # Every phase and function can be drawn.
    count = browser.run("""(() => {
      let drawn = 0;
      for (const phase of [...document.querySelector('#phase').options]) {
        document.querySelector('#phase').value = phase.value;
        document.querySelector('#phase').dispatchEvent(new Event('change'));
        for (const each of [...document.querySelector('#function').options]) {
          document.querySelector('#function').value = each.value;
          document.querySelector('#function').dispatchEvent(new Event('change'));
          if (document.querySelectorAll('.node').length > 5 && document.querySelectorAll('.edge').length > 5) ++drawn;
          else throw new Error(phase.value + ' ' + each.value);
        }
      }
      return drawn;
    })()""")
    assert count > 12, count
    # An op of the first phase says which kernels it became part of.
    browser.run("document.querySelector('#phase').value = 'import';"
                "document.querySelector('#phase').dispatchEvent(new Event('change'))")
    browser.click("#drawing .node[aria-label='q_proj, linear'] rect")
    assert "decode.qkv" in browser.run(DETAILS), browser.run(DETAILS)


def use_search(browser):
    browser.run("document.activeElement.blur()")
    browser.press("/", "/")
    assert browser.run("document.activeElement.id") == "search"
    browser.call("Input.insertText", {"text": "prefill.gate_up"})
    assert browser.run("document.querySelectorAll('#results li').length") > 0
    browser.press("Enter")
    assert browser.run(TITLE) == "kernel prefill.gate_up", browser.run(TITLE)
    assert browser.run("document.querySelector('#function').value") == "prefill"
    browser.run("document.querySelector('#search').select()")
    browser.call("Input.insertText", {"text": "field num_key_value"})
    browser.click("#results li")
    assert browser.run(TITLE) == "field num_key_value_heads", browser.run(TITLE)
    browser.run("document.querySelector('#search').select()")
    browser.call("Input.insertText", {"text": "no such thing"})
    assert browser.run("document.querySelector('#results').innerText") == "nothing has this name"
    browser.press("Escape")
    assert browser.run("document.querySelector('#results').hidden")


def use_views(browser):
    browser.run("document.querySelector('#tab-graph').focus()")
    browser.press("ArrowRight")
    assert not browser.run("document.querySelector('#memory').hidden")
    assert browser.run("document.querySelectorAll('#arena .value').length") >= 7
    browser.click("#tab-roofline")
    points = browser.run("document.querySelectorAll('#roof .point').length")
    assert points >= 6 and browser.run("document.querySelectorAll('#roof .roof').length") == 1, points
    browser.run("document.querySelector('#roof .point').dispatchEvent(new MouseEvent('click'))")
    assert browser.run(TITLE).startswith("kernel "), browser.run(TITLE)
    browser.click("#tab-cache")
    browser.run("""(() => {
      for (const [id, value] of [['context', 1000], ['batch', 3], ['cache-type', 'f32']]) {
        document.getElementById(id).value = value;
        document.getElementById(id).dispatchEvent(new Event('input'));
      }
    })()""")
    cache = browser.run("JSON.parse(document.getElementById('data').textContent).kv_cache")
    rows = -(-1000 // cache["page"]) * cache["page"] * 3
    size = rows * 2 * cache["layers"] * cache["kv_heads"] * cache["head_dim"] * 4
    shown, unit = browser.run("document.querySelector('#cache-bytes').textContent").split()[:2]
    unit = {"bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40}[unit]
    assert abs(float(shown) * unit - size) < 0.05 * size, (shown, unit, size)
    browser.click("#tab-overview")
    assert "llama-form-kernels" in browser.run("document.querySelector('#facts').innerText")


def use_ceilings(browser, page):
    """The roofline with the ceilings of other machines: from memory that is fast for its arithmetic to the contrary."""
    text = pathlib.Path(page).read_text()
    with tempfile.NamedTemporaryFile("w", suffix=".html") as other:
        for memory, compute in ((1.3, 0.001), (20, 0.04), (20, 0.8), (40, 0.08), (90, 13.5), (3000, 1800)):
            changed = re.sub(r'"ceiling_GBps":[^,}]+', f'"ceiling_GBps":{memory}', text)
            other.seek(0)
            other.truncate()
            other.write(re.sub(r'"ceiling_TFLOPs":[^,}]+', f'"ceiling_TFLOPs":{compute}', changed))
            other.flush()
            browser.open(other.name)
            browser.click("#tab-roofline")
            overlaps = browser.run(OVERLAPS)
            assert not overlaps, (memory, compute, overlaps)


def use_colours(browser, page):
    ground = "getComputedStyle(document.body).backgroundColor"
    browser.set_dark(True)
    browser.open(page)
    dark = browser.run(ground)
    browser.click("#theme")
    light = browser.run(ground)
    assert light == "rgb(255, 255, 255)" and dark != light, (dark, light)
    assert browser.pdf_bytes() > 20000


def use_print(browser):
    """What is printed: every program, every step, the whole graph, the tables, and what is chosen."""
    counts = browser.run("(() => { const data = JSON.parse(document.getElementById('data').textContent);"
                         "return [data.memory.programs.length, data.costs.length, data.kernels.length]; })()")
    shown = ("[document.querySelectorAll('#memory .value').length, document.querySelectorAll('#memory svg').length,"
             " document.querySelectorAll('#roofline svg').length, document.querySelector('#drawing').hasAttribute('viewBox')]")
    before = browser.run(shown)
    assert before[1:] == [1, 1, False], before
    browser.run("dispatchEvent(new Event('beforeprint'))")
    printed = browser.run(shown)
    assert printed[0] > before[0] and printed[1:] == [counts[0], counts[1], True], (printed, counts)
    # On paper a dark page has the colours of a light one.
    browser.call("Emulation.setEmulatedMedia", {"media": "print"})
    colours = [browser.run(f"""(() => {{ document.documentElement.dataset.theme = '{theme}';
      return ['--ground', '--text', '--accent', '--marked', '--good', '--bad'].map((name) =>
        getComputedStyle(document.documentElement).getPropertyValue(name)); }})()""") for theme in ("dark", "light")]
    assert colours[0] == colours[1], colours
    browser.call("Emulation.setEmulatedMedia", {"media": ""})
    text = browser.run("document.querySelector('#facts').textContent")
    assert "prefill.gate_up" in text and ("#llama.cpu_linear" in text or "#llama.cuda_linear" in text), text
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run(shown) == before, before


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("--time", type=float)
    options = parser.parse_args()
    with Browser() as browser:
        seconds, busy = [], []
        for _ in range(3 if options.time else 1):
            before = browser.processor_seconds()
            seconds.append(browser.open(options.page))
            busy.append(browser.processor_seconds() - before)
        assert browser.run("document.documentElement.dataset.ready") == "yes", browser.errors
        if options.time:
            assert 0 < min(busy) < options.time, (busy, seconds)
        use_graph(browser)
        use_search(browser)
        use_views(browser)
        use_ceilings(browser, options.page)
        use_colours(browser, options.page)
        use_print(browser)
        assert not browser.errors, browser.errors
        assert all(url.startswith("file://") for url in browser.requests), browser.requests
        print(f"opened in {min(seconds):.2f} s, {min(busy):.2f} s of a processor")


main()
