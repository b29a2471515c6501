"""The sign-up page in a real browser."""

import pytest

from gate import User, unique


@pytest.fixture
def page_of(gate, browser):
    contexts = []

    def open_as(user):
        context = browser.new_context(
            http_credentials={"username": user.name, "password": user.password},
            viewport={"width": 1000, "height": 700},
        )
        contexts.append(context)
        page = context.new_page()
        # The page tells its result in an alert, which blocks it until somebody answers.
        page.alerts = []
        page.on("dialog", lambda dialog: (page.alerts.append(dialog.message), dialog.accept()))
        return page

    yield open_as
    for context in contexts:
        context.close()


def sign_up(page, url, user):
    assert page.goto(f"{url}/signup").status == 200
    page.fill("input[name=username]", user.name)
    page.fill("input[name=password]", user.password)


def submit(page, until):
    # The result page sends the browser on; that navigation is what ends the wait.
    with page.expect_event("dialog"):
        page.click("[type=submit]")
    page.wait_for_url(until, wait_until="domcontentloaded")


def test_an_admin_signs_a_user_up(gate, page_of, artifacts_dir):
    user = User(unique("browser"), "a-long-enough-password")
    page = page_of(gate.admin)
    sign_up(page, gate.url, user)
    page.screenshot(path=artifacts_dir / "signup.png")
    submit(page, until=lambda url: not url.endswith(("/signup", "/create-ui")))
    assert page.alerts == [f"Successfully signed up user: {user.name}"]
    assert gate.request("GET", "/api/2.0/mlflow/users/get", user, params={"username": user.name}).status_code == 200

    sign_up(page, gate.url, user)
    submit(page, until="**/signup")
    assert page.alerts[1:] == [f"Username has already been taken: {user.name}"]


def test_a_name_cannot_break_out_of_the_page(gate, page_of):
    user = User(unique("\"');alert(1)//</script><script>alert(2)</script>"), "a-long-enough-password")
    page = page_of(gate.admin)
    sign_up(page, gate.url, user)
    submit(page, until=lambda url: not url.endswith(("/signup", "/create-ui")))
    assert len(page.alerts) == 1
    assert page.alerts[0].startswith("Successfully signed up user: ")
    assert gate.request("GET", "/api/2.0/mlflow/users/get", user, params={"username": user.name}).status_code == 200


def test_the_page_is_for_admins(gate, page_of):
    user = gate.new_user()
    assert gate.request("GET", "/signup", user).status_code == 403
    assert gate.request("GET", "/signup").status_code == 401


def test_the_form_needs_its_token(gate):
    name = unique("forged")
    answer = gate.request(
        "POST",
        "/api/2.0/mlflow/users/create-ui",
        gate.admin,
        data={"username": name, "password": "a-long-enough-password"},
    )
    assert answer.status_code == 400
    assert "CSRF" in answer.text
    assert gate.request("GET", "/api/2.0/mlflow/users/get", gate.admin, params={"username": name}).status_code == 404


def test_the_ui_opens_behind_the_gate(gate, page_of, artifacts_dir):
    user, name = gate.new_user(), unique("seen-in-the-ui")
    assert gate.request("POST", "/api/2.0/mlflow/experiments/create", user, json={"name": name}).status_code == 200
    page = page_of(user)
    page.goto(f"{gate.url}/#/experiments")
    # The row comes from the UI's own script and API calls, so all of them went through.
    page.get_by_text(name).first.wait_for()
    page.screenshot(path=artifacts_dir / "ui.png")
