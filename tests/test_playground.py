"""The playground, in a real browser: its mathematics is the textbook's, and its controls work."""

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from skl_softmax import textbook

PAGE = Path(__file__).parents[1] / "docs" / "playground" / "playground.html"
LOSS_AFTER = {0: 1.098612, 1: 1.026042, 5: 0.819554, 30: 0.421889, 300: 0.178821}
PRESETS = ["Lab", "Moons", "Unscaled", "Separable"]

if not PAGE.exists():
    pytest.skip("the package is not used from its repository", allow_module_level=True)


@pytest.fixture(scope="module")
def browser():
    """A headless Chromium, started once."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (extra docs)")
    driver, names = shutil.which("chromedriver"), ["chromium", "chromium-browser", "google-chrome"]
    chromium = next(filter(None, map(shutil.which, names)), None)
    if driver is None or chromium is None:
        pytest.skip("needs Chromium and chromedriver in PATH (Debian: chromium-driver)")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--window-size=1400,900"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    browser = webdriver.Chrome(options, webdriver.ChromeService(driver))
    yield browser
    browser.quit()


class Page:
    """What a visitor does with the page, and what the page then has."""

    def __init__(self, browser):
        self.browser = browser

    def js(self, expression):
        """The value of an expression, once the page has drawn what was asked of it before."""
        return self.browser.execute_async_script(
            f"requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]({expression})))"
        )

    def array(self, expression):
        return np.array(self.js(expression), dtype=float)

    def find(self, selector):
        return self.browser.find_element("css selector", selector)

    def text(self, element_id):
        return self.js(f"find('{element_id}').textContent")

    def numbers(self, table):
        """The numbers that a table shows."""
        rows = self.js(
            f"[...document.querySelectorAll('{table} tbody tr')]"
            ".map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent))"
        )
        return np.array([[float(cell.replace("−", "-")) for cell in row] for row in rows])

    def choose(self, name, value):
        """Click on one of several choices."""
        self.find(f"[name={name}][value='{value}'] + span").click()

    def preset(self, name):
        self.find(f"#presets > :nth-child({PRESETS.index(name) + 1})").click()

    def type(self, keys, selector="#plane"):
        self.find(selector).send_keys(keys)

    def enter_rate(self, text):
        from selenium.webdriver.common.keys import Keys

        self.type(Keys.CONTROL + "a" + Keys.NULL + Keys.BACKSPACE + text, "#rate")

    def set_slider(self, selector, value):
        self.browser.execute_script(
            "arguments[0].value = arguments[1];"
            "arguments[0].dispatchEvent(new Event('input', {bubbles: true}))",
            self.find(selector),
            value,
        )

    def mouse(self, kind="mouse"):
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        return ActionChains(self.browser, devices=[PointerInput(kind, kind)], duration=20)

    def offset(self, x1, x2):
        """Where a point of the plane lies, in pixels from the middle of the canvas."""
        return self.js(
            "(() => { const [plane, axes] = [find('plane'), plane_axes()];"
            f"return [axes.x({x1}) * unit() - plane.clientWidth / 2,"
            f"axes.y({x2}) * unit() - plane.clientHeight / 2]; }})()"
        )

    def drag(self, start, end, kind="mouse"):
        (x0, y0), (x1, y1) = self.offset(*start), self.offset(*end)
        mouse = self.mouse(kind)
        mouse.move_to_element_with_offset(self.find("#plane"), round(x0), round(y0))
        mouse.click_and_hold().move_by_offset(round(x1) - round(x0), round(y1) - round(y0))
        mouse.release().perform()

    def hover(self, x1, x2):
        x, y = map(round, self.offset(x1, x2))
        self.mouse().move_to_element_with_offset(self.find("#plane"), x, y).perform()

    def point(self, i):
        return self.js(f"[state.points[{i}].x1, state.points[{i}].x2]")

    def data(self):
        """X with its column of ones, Y and the labels."""
        y = self.array("state.points.map((point) => point.label)").astype(int)
        return self.array("X"), np.eye(self.js("state.n_classes"))[y], y

    def losses(self):
        return self.array("histories.losses")


@pytest.fixture
def page(browser):
    browser.get(PAGE.as_uri())
    page = Page(browser)
    assert page.js("state.step") == 0  # it has been drawn
    yield page
    assert browser.get_log("browser") == []


def textbook_losses(X, Y, learning_rate, n_steps):
    W = np.zeros((3, Y.shape[1]))
    losses = [textbook.cross_entropy(X, Y, W)]
    for _ in range(n_steps):
        W = W - learning_rate * textbook.cross_entropy_gradient(X, Y, W)
        losses.append(textbook.cross_entropy(X, Y, W))
    return np.array(losses)


def test_the_page_has_the_labs_data(lab):
    X, y = lab
    data = re.search(r'id="lab">(.*?)</script>', PAGE.read_text(encoding="utf-8"), re.DOTALL)
    points = np.array(json.loads(data[1]))
    np.testing.assert_allclose(points[:, :2], X, atol=5.1e-7)
    np.testing.assert_array_equal(points[:, 2], y)


def test_the_page_needs_no_network():
    text = PAGE.read_text(encoding="utf-8")
    assert not re.search(r"https?:|src=|@import|url\(|fetch\(|import\(", text)


def test_its_training_is_the_labs(page):
    for step, loss in LOSS_AFTER.items():
        page.browser.execute_script(f"while (n_steps_done() < {step}) step_forward()")
        assert f"Step {step} of {step}: loss {loss:.6f}," in page.text("status")
    X, Y, _ = page.data()
    np.testing.assert_allclose(page.losses(), textbook_losses(X, Y, 0.5, 300), atol=1e-12)
    page.set_slider("#steps", 0)
    expected = textbook.cross_entropy_gradient(X, Y, np.zeros((3, 3)))
    np.testing.assert_allclose(page.numbers("#gradient-table"), expected, atol=5.1e-5)
    gradient = page.array("cross_entropy_gradient(X, Y, histories.weights[0])")
    np.testing.assert_allclose(gradient, expected, atol=1e-12)


@pytest.mark.parametrize("preset", PRESETS)
def test_its_formulas_are_the_textbooks(page, preset):
    page.preset(preset)
    X, Y, _ = page.data()
    scale = np.abs(X).max(axis=0)[:, np.newaxis]
    W = np.random.default_rng(0).normal(size=(3, Y.shape[1])) / scale
    text = json.dumps(W.tolist())
    np.testing.assert_allclose(
        page.array(f"X.map((x) => softmax(logits_of(x, {text})))"), textbook.softmax(X @ W)
    )
    assert page.js(f"cross_entropy(X, Y, {text})") == pytest.approx(textbook.cross_entropy(X, Y, W))
    gradient = textbook.cross_entropy_gradient(X, Y, W)
    np.testing.assert_allclose(page.array(f"cross_entropy_gradient(X, Y, {text})"), gradient)

    hessian, step = page.array(f"hessian(X, {text})"), 1e-6
    for a, index in enumerate(np.ndindex(W.shape)):
        moved = np.zeros_like(W)
        moved[index] = step / scale[index[0], 0]
        ends = [textbook.cross_entropy_gradient(X, Y, W + sign * moved) for sign in (1, -1)]
        numeric = (ends[0] - ends[1]).ravel() / (2 * moved[index])
        np.testing.assert_allclose(hessian[a], numeric, atol=1e-7 * np.abs(hessian[a]).max())

    largest = np.linalg.eigvalsh(X.T @ X / len(X))[-1]
    assert page.js("safe_rate(X)") == pytest.approx(4 / largest, rel=1e-6)


def test_logits_of_a_thousand_are_no_trouble(page):
    assert page.js("softmax([1000, 0])") == [1, 0]
    assert page.js("cross_entropy([[1, 0, 0]], [[0, 1]], [[1000, 0], [0, 0], [0, 0]])") == 1000


@pytest.mark.parametrize("preset", ["Lab", "Moons", "Unscaled"])
def test_the_matrix_step_ends_at_the_minimum(page, preset):
    page.preset(preset)
    X, _, y = page.data()
    scaled = X[:, 1:] / X[:, 1:].std(axis=0)
    optimum = LogisticRegression(C=np.inf, tol=1e-12, max_iter=10_000).fit(scaled, y)
    proba = optimum.predict_proba(scaled)[np.arange(len(y)), y]
    losses = page.js("auto_losses")
    assert losses[-1] == pytest.approx(-np.log(proba).mean(), abs=1e-9)
    assert all(later < earlier for earlier, later in pairwise(losses))


@pytest.mark.parametrize("preset", PRESETS)
def test_a_safe_rate_never_lets_the_loss_rise(page, preset):
    page.preset(preset)
    page.browser.execute_script("choose_rate(safe_rate(X)); train(300)")
    assert np.diff(page.losses()).max() <= 1e-12  # rounding
    assert "rose" not in page.text("note")


def test_step_back_reset_and_the_slider(page):
    for _ in range(3):
        page.find("#step").click()
    assert "Step 3 of 3" in page.text("status")
    page.find("#back").click()
    assert "Step 2 of 3" in page.text("status")
    page.find("#step").click()
    page.find("#step").click()
    assert "Step 4 of 4" in page.text("status")
    page.set_slider("#steps", 1)
    assert f"Step 1 of 4: loss {LOSS_AFTER[1]}" in page.text("status")
    page.find("#reset").click()
    assert "Step 0 of 0" in page.text("status")
    assert not page.find("#back").is_enabled()


def test_run_and_pause(page):
    page.type("1", "#speed")  # no digit goes to the page's keys
    assert page.js("find('speed').value") == "1"
    page.browser.execute_script("find('speed').value = '60'")
    page.find("#run").click()
    assert page.text("run") == "Pause"
    page.browser.execute_async_script("setTimeout(arguments[0], 300)")
    page.find("#run").click()
    n_steps = page.js("n_steps_done()")
    assert n_steps > 5
    page.browser.execute_async_script("setTimeout(arguments[0], 100)")
    assert page.js("n_steps_done()") == n_steps


def test_it_ends_at_the_last_step(page):
    page.browser.execute_script("train(MAX_STEPS); show_step(MAX_STEPS); run()")
    assert page.js("state.running") is False
    assert not page.find("#step").is_enabled()


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_dragging_a_point_trains_anew(page, kind):
    page.browser.execute_script("train(30)")
    before = page.losses()
    point = page.point(7)
    page.drag(point, (point[0] + 0.5, point[1] - 0.5), kind)
    np.testing.assert_allclose(page.point(7), [point[0] + 0.5, point[1] - 0.5], atol=0.02)
    X, Y, _ = page.data()
    after = page.losses()
    np.testing.assert_allclose(after, textbook_losses(X, Y, 0.5, 30), atol=1e-12)
    assert abs(after[-1] - before[-1]) > 1e-5


@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_points_are_added_and_erased(page, kind):
    page.choose("tool", "2")
    page.drag((1.7, 1.7), (1.6, 1.7), kind)  # added, and dragged at once
    assert page.js("state.points.length") == 251
    assert page.js("state.points.at(-1).label") == 2
    np.testing.assert_allclose(page.point(250), [1.6, 1.7], atol=0.02)
    page.choose("tool", "erase")
    page.drag(page.point(250), page.point(250), kind)
    assert page.js("state.points.length") == 250
    page.choose("tool", "move")
    page.drag((1.7, 1.7), (1.6, 1.7), kind)
    assert page.js("state.points.length") == 250


def test_the_last_point_stays(page):
    page.browser.execute_script(
        "state.points = state.points.filter(({ label }) => label === 2);"
        "for (let i = 0; i < 100; i++) erase_point(0)"
    )
    assert page.js("state.points.length") == 1
    page.choose("n_classes", "2")  # would leave none
    assert page.js("[state.points.length, state.n_classes]") == [1, 3]
    assert page.find("[name=n_classes][value='3']").is_selected()
    assert np.isfinite(page.losses()).all()


@pytest.mark.parametrize("n_classes", [2, 3, 4, 5])
def test_two_to_five_classes(page, n_classes):
    page.browser.execute_script("train(20)")
    page.choose("n_classes", str(n_classes))
    X, Y, y = page.data()
    assert Y.shape[1] == n_classes == len(np.unique(y))
    np.testing.assert_allclose(page.losses(), textbook_losses(X, Y, 0.5, 20), atol=1e-12)
    assert page.js("find('tools').children.length") == n_classes + 2
    assert len(page.browser.find_elements("css selector", "#weights-table thead th")) == n_classes


def test_a_rate_that_is_too_large_is_told(page):
    page.browser.execute_script("train(30)")
    page.enter_rate("50")
    assert "the rate is too large" in page.text("note")
    X, Y, _ = page.data()
    np.testing.assert_allclose(page.losses(), textbook_losses(X, Y, 50, 30), rtol=1e-9)
    assert page.losses().max() > 5 * page.losses()[0]
    page.set_slider("#rate-slider", -1)
    assert page.js("state.learning_rate") == 0.1
    assert "rose" not in page.text("note")


@pytest.mark.parametrize("text", ["-1", "0", "", "1e99"])
def test_an_impossible_rate_is_not_taken(page, text):
    page.enter_rate(text)
    assert page.js("find('rate').checkValidity()") is False
    assert 0 < page.js("state.learning_rate") <= 1e9
    page.browser.execute_script("find('rate').blur()")
    assert page.js("find('rate').value") == str(page.js("state.learning_rate"))


def test_every_step_of_the_rates_slider_changes_the_rate(page):
    rates = page.browser.execute_script(
        "const [slider, rates] = [find('rate-slider'), []];"
        "slider.value = -4;"
        "for (let i = 0; i < 120; i++) {"
        "  slider.stepUp(); slider.oninput({ target: slider }); write_controls();"
        "  rates.push(state.learning_rate);"
        "} return rates"
    )
    assert all(later > earlier for earlier, later in pairwise(rates))
    assert rates[-1] == 100


def test_the_numbers_of_the_point_under_the_cursor(page):
    page.browser.execute_script("train(5); show_step(5)")
    page.hover(*page.point(7))
    X, Y, _ = page.data()
    W = page.array("histories.weights[5]")
    i = page.js("state.under_cursor")
    assert i >= 0
    proba = textbook.softmax(X[i] @ W)
    expected = [X[i] @ W, proba, Y[i], proba - Y[i]]
    np.testing.assert_allclose(page.numbers("#point-table"), expected, atol=5.1e-5)
    page.hover(1.7, 1.7)
    assert page.text("point-title").startswith("The place (1.7")


def test_the_keyboard_does_it_all(page):
    from selenium.webdriver.common.keys import Keys

    page.type("sssb")
    assert "Step 2 of 3" in page.text("status")
    page.type("x")
    assert "Step 0 of 0" in page.text("status")
    page.type("r")
    assert page.js("state.running") is True
    page.type("r")
    page.type("n")
    i = page.js("state.under_cursor")
    point = page.point(i)
    page.type(Keys.SHIFT + Keys.ARROW_RIGHT + Keys.ARROW_UP)
    assert page.point(i)[0] > point[0]
    assert page.point(i)[1] > point[1]
    page.type("p")
    assert page.js("state.under_cursor") == i - 1
    page.type("1")
    page.type(Keys.ENTER)
    assert page.js("[state.points.length, state.points.at(-1).label]") == [251, 1]
    page.type(Keys.DELETE)
    assert page.js("state.points.length") == 250
    page.type("e")
    assert page.js("state.tool") == "erase"
    page.type("m")
    page.type("4")  # there is no such class
    assert page.js("state.tool") == "move"


def test_a_click_on_a_curve_shows_its_step(page):
    page.browser.execute_script("train(100)")
    for curve in ("#losses", "#weights"):
        page.mouse().move_to_element_with_offset(page.find(curve), 60, 0).click().perform()
        step = page.js("state.step")
        assert 55 < step < 80
        page.find("#back").click()
        assert page.js("state.step") == step - 1


def test_the_boundaries_of_three_classes_meet(page):
    page.browser.execute_script("train(300); show_step(300)")
    ends = [
        page.array(
            f"piece_of_line(logit_difference(histories.weights[300], {j}, {k}),"
            f"[[0, 1, 0], [1, -1, 0], [0, 0, 1], [1, 0, -1],"
            f"logit_difference(histories.weights[300], {j}, {m})])"
        )
        for j, k, m in [(0, 1, 2), (0, 2, 1), (1, 2, 0)]
    ]
    W = page.array("histories.weights[300]")
    A = np.array([W[1:, 0] - W[1:, 1], W[1:, 0] - W[1:, 2]])
    junction = np.linalg.solve(A, [W[0, 1] - W[0, 0], W[0, 2] - W[0, 0]])
    left, right, bottom, top = page.js("[view.left, view.right, view.bottom, view.top]")
    expected = (junction - [left, bottom]) / [right - left, top - bottom]
    for pair in ends:
        assert np.abs(pair - expected).max(axis=1).min() < 1e-9


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("n_classes", [3, 5])
def test_nothing_is_cut_on_any_screen(page, width, dark, n_classes):
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    size = {"width": width, "height": 900, "deviceScaleFactor": 2, "mobile": width < 500}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        page.choose("n_classes", str(n_classes))
        page.browser.execute_script("train(300); show_step(300)")
        boxes = "[...document.querySelectorAll('body, .table')]"
        assert set(page.js(f"{boxes}.map((box) => box.scrollWidth - box.clientWidth)")) == {0}
        assert page.js("document.documentElement.scrollWidth") <= width
        paper = page.js("[...find('plane').getContext('2d').getImageData(99, 99, 1, 1).data]")
        assert (sum(paper[:3]) < 3 * 128) == dark
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
