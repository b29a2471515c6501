"""MLflow's admin and account pages in a real browser.

Each thing that these pages can do is done there. Then the page is opened anew, the API is asked, and the user concerned
makes a request: all three have to agree.
"""

import contextlib
import re
import uuid
from urllib.parse import quote

import pytest
from mlflow import MlflowClient
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import expect

from gate import User, unique
from visitor import Visitor

pytestmark = pytest.mark.new_client

API, ROLES = "/ajax-api/2.0/mlflow", "/ajax-api/3.0/mlflow"
PASSWORD = "a-long-enough-password"
TIMEOUT_MILLISECONDS = 60_000
# Without workspaces, MLflow refuses to list them, and the pages do without.
REFUSED_BY_MLFLOW = re.compile(f"503 GET .*{ROLES}/workspaces")

expect.set_options(timeout=TIMEOUT_MILLISECONDS)


@pytest.fixture
def new_context(gate, browser):
    contexts = []

    def new(**options):
        context = browser.new_context(viewport={"width": 1400, "height": 900}, **options)
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        contexts.append(context)
        return context

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def visit(gate, new_context):
    def visit(user):
        return Visitor(gate, new_context(http_credentials={"username": user.name, "password": user.password}))

    return visit


@pytest.fixture
def admin(gate, visit):
    """The administrator's browser, to which nothing is refused but what MLflow itself refuses."""
    visitor, refused = visit(gate.admin), []

    def look(answer):
        line = f"{answer.status} {answer.request.method} {answer.url}"
        if visitor.is_of_the_gate(answer) and answer.status >= 400 and not REFUSED_BY_MLFLOW.match(line):
            refused.append(line)

    visitor.context.on("response", look)
    yield visitor
    assert refused == []


@pytest.fixture
def experiments(gate):
    with gate.admin.signed_in():
        return [MlflowClient().create_experiment(unique("experiment")) for _ in range(3)]


@pytest.fixture
def new_role(gate, auth_client):
    def new(*permissions, users=(), description=None):
        with gate.admin.signed_in():
            role = auth_client.create_role("default", unique("role"), description)
            for permission in permissions:
                auth_client.add_role_permission(role.id, *permission)
            for user in users:
                auth_client.assign_role(user.name, role.id)
        return role

    return new


@pytest.fixture
def role_named(gate, auth_client):
    def find(name):
        with gate.admin.signed_in():
            return next((role for role in auth_client.list_all_roles() if role.name == name), None)

    return find


@pytest.fixture
def held_by(gate, auth_client):
    """Type, pattern and level of each permission of a user, and the names of the roles that an administrator gave."""

    def held(user):
        with gate.admin.signed_in():
            roles = auth_client.list_user_roles(user.name)
        named = {role.name for role in roles if not role.name.startswith("__user_")}
        return {permission for role in roles for permission in permissions_of(role)}, named

    return held


def permissions_of(role):
    return {(p.resource_type, p.resource_pattern, p.permission) for p in role.permissions}


def may(gate, user, experiment):
    """What the user may do with the experiment, found out by doing it."""
    path = "/api/2.0/mlflow/experiments"
    tag = {"experiment_id": experiment, "key": "k", "value": "v"}
    answers = {
        "read": gate.request("GET", f"{path}/get", user, params={"experiment_id": experiment}),
        "update": gate.request("POST", f"{path}/set-experiment-tag", user, json=tag),
    }
    assert {answer.status_code for answer in answers.values()} <= {200, 403}, [a.text for a in answers.values()]
    return [action for action, answer in answers.items() if answer.status_code == 200]


def rows(page, text=""):
    """The rows with this text in the tables that are shown, without their headers."""
    return page.get_by_role("row").filter(has=page.get_by_role("cell"), has_text=text, visible=True)


def row(*cells):
    return "".join(cells)


def shows(page, *expected, about=""):
    expect(rows(page, about)).to_have_text(list(expected))


def sort_patterns(*permissions):
    """As the table of somebody's permissions is sorted: by the letters of their resources."""
    return [row(*cells) for cells in sorted(permissions)]


def choose(page, box, name):
    box.click()
    page.get_by_role("option", name=name, exact=True).click()


def choose_several(page, kind, names):
    """In a list that has a search, and that stays open until its box is clicked again."""
    box = page.get_by_role("dialog").get_by_role("combobox", name=re.compile(f"^{kind}"))
    box.click()
    for name in names:
        page.get_by_role("combobox", name="Search").or_(page.get_by_placeholder("Search")).last.fill(name)
        page.get_by_role("option", name=name).click()
    box.click()


def add_permission(page, form, resource_type, resource, level):
    """`form` begins the ids of the fields; a `resource` of None is all of them."""
    dialog = page.get_by_role("dialog")
    choose(page, dialog.locator(f"#{form}-resource-type"), resource_type)
    if resource:
        dialog.get_by_role("radio", name=f"Specific {resource_type.lower()}").check()
        dialog.get_by_role("combobox", name=re.compile(f"^{resource_type}, ")).click()
        page.get_by_role("option", name=f"({resource})").click()
    else:
        dialog.get_by_role("radio", name=f"All {resource_type.lower()}s").check()
    choose(page, dialog.locator(f"#{form}-level"), level)
    dialog.get_by_role("button", name="Add", exact=True).click()


DIRECT, OF_ROLE = "admin-direct-permission", "admin-role-permission-form"


@contextlib.contextmanager
def dialog_of(visitor, page, opened_by, *buttons):
    """Opens a dialog, and after the block sends it off with these buttons, one after the other."""
    page.get_by_role("button", name=opened_by, exact=True).click()
    dialog = page.get_by_role("dialog").filter(visible=True)
    dialog.wait_for()
    yield dialog
    for name in buttons:
        dialog.get_by_role("button", name=name, exact=True).click()
    dialog.wait_for(state="hidden")
    visitor.settle(page)


def test_creating_users(gate, admin, auth_client, experiments, new_role, held_by, artifacts_dir):
    one, two, _ = experiments
    role = new_role(("experiment", one, "EDIT"))
    user, colleague = User(unique("made"), PASSWORD), User(unique("made"), PASSWORD)

    page = admin.open("/admin", ["Create User"])
    with dialog_of(admin, page, "Create User", "Create user and grant access") as dialog:
        dialog.get_by_placeholder("Enter username").fill(user.name)
        dialog.get_by_placeholder("Enter password").fill(user.password)
        dialog.get_by_role("button", name="Role assignment").click()
        choose_several(page, "Roles", [role.name])
        dialog.get_by_role("button", name="Direct permissions").click()
        add_permission(page, DIRECT, "Experiment", two, "DENY")
        page.screenshot(path=artifacts_dir / "admin-create-user.png")
    with dialog_of(admin, page, "Create User", "Create user and grant access") as dialog:
        dialog.get_by_placeholder("Enter username").fill(colleague.name)
        dialog.get_by_placeholder("Enter password").fill(colleague.password)
        dialog.get_by_role("switch", name="Make this user an admin").click()

    page = admin.open("/admin", [user.name])
    shows(page, row(user.name, role.name, "—"), about=user.name)
    shows(page, row(colleague.name, "—", "Admin"), about=colleague.name)
    page.screenshot(path=artifacts_dir / "admin-users.png")

    permissions = [("experiment", one, "EDIT"), ("experiment", two, "DENY")]
    assert held_by(user) == (set(permissions), {role.name})
    with gate.admin.signed_in():
        assert [auth_client.get_user(u.name).is_admin for u in (user, colleague)] == [False, True]
    assert (may(gate, user, one), may(gate, user, two)) == (["read", "update"], [])
    assert may(gate, colleague, two) == ["read", "update"]
    assert gate.request("GET", f"{ROLES}/roles/list", colleague).status_code == 200


def test_creating_a_role(gate, admin, experiments, role_named, artifacts_dir):
    one, two, _ = experiments
    alice, bob, name = gate.new_user("alice"), gate.new_user("bob"), unique("role")
    with gate.admin.signed_in():
        run = MlflowClient().create_run(one).info.run_id

    page = admin.open("/admin?tab=roles", ["Create Role"])
    with dialog_of(admin, page, "Create Role", "Create role") as dialog:
        dialog.get_by_placeholder("Enter role name").fill(name)
        dialog.get_by_placeholder("Enter description (optional)").fill("made in the browser")
        dialog.get_by_role("button", name="Permissions").click()
        add_permission(page, OF_ROLE, "Experiment", one, "EDIT")
        add_permission(page, OF_ROLE, "Run", None, "DENY")
        dialog.get_by_role("button", name="Assign users").click()
        choose_several(page, "Users", [alice.name, bob.name])
        page.screenshot(path=artifacts_dir / "admin-create-role.png")

    page = admin.open("/admin?tab=roles", [name])
    shows(page, row(name, "made in the browser"), about=name)
    page.screenshot(path=artifacts_dir / "admin-roles.png")
    page.get_by_role("link", name=name).click()
    page.get_by_role("heading", name=name).wait_for()
    shows(page, row("experiment", one, "EDIT"), row("run", "all", "DENY"))
    page.screenshot(path=artifacts_dir / "admin-role-permissions.png")
    page.get_by_role("tab", name="Assigned users").click()
    expect(rows(page)).to_have_text([re.compile(f"^[0-9]+{user.name}$") for user in (alice, bob)])
    page.screenshot(path=artifacts_dir / "admin-role-users.png")

    role = role_named(name)
    assert (role.workspace, role.description) == ("default", "made in the browser")
    assert permissions_of(role) == {("experiment", one, "EDIT"), ("run", "*", "DENY")}
    for user in (alice, bob):
        assert (may(gate, user, one), may(gate, user, two)) == (["read", "update"], ["read"])
        answer = gate.request("GET", "/api/2.0/mlflow/runs/get", user, params={"run_id": run})
        assert answer.status_code == 403
    stranger = gate.new_user("stranger")
    assert may(gate, stranger, one) == ["read"]
    assert gate.request("GET", "/api/2.0/mlflow/runs/get", stranger, params={"run_id": run}).status_code == 200


def test_editing_a_role(gate, admin, auth_client, experiments, new_role, held_by, artifacts_dir):
    one, two, three = experiments
    alice, bob = gate.new_user("alice"), gate.new_user("bob")
    role = new_role(("experiment", one, "EDIT"), ("experiment", three, "DENY"), users=[alice], description="before")
    assert (may(gate, alice, one), may(gate, alice, three)) == (["read", "update"], [])
    name = unique("renamed")

    page = admin.open(f"/admin/roles/{role.id}", ["before"])
    with dialog_of(admin, page, "Edit role", "Review changes", "Apply changes") as dialog:
        dialog.get_by_placeholder("Enter role name").fill(name)
        dialog.get_by_placeholder("Enter description (optional)").fill("afterwards")
        dialog.get_by_role("button", name=f"Remove experiment {three}", exact=True).click()
        add_permission(page, OF_ROLE, "Experiment", two, "DENY")
        choose_several(page, "Users", [alice.name, bob.name])
        page.screenshot(path=artifacts_dir / "admin-edit-role.png")

    page = admin.open(f"/admin/roles/{role.id}", [name, "afterwards"])
    shows(page, row("experiment", one, "EDIT"), row("experiment", two, "DENY"))
    page.get_by_role("tab", name="Assigned users").click()
    expect(rows(page)).to_have_text([re.compile(f"^[0-9]+{bob.name}$")])

    with gate.admin.signed_in():
        edited = auth_client.get_role(role.id)
    assert (edited.name, edited.description) == (name, "afterwards")
    assert permissions_of(edited) == {("experiment", one, "EDIT"), ("experiment", two, "DENY")}
    assert (held_by(alice), held_by(bob)) == ((set(), set()), (permissions_of(edited), {name}))
    assert [may(gate, alice, experiment) for experiment in experiments] == [["read"], ["read"], ["read"]]
    assert [may(gate, bob, experiment) for experiment in experiments] == [["read", "update"], [], ["read"]]


def test_editing_the_access_of_a_user(gate, admin, auth_client, experiments, new_role, held_by, artifacts_dir):
    one, two, three = experiments
    user, role = gate.new_user(), new_role(("experiment", one, "EDIT"))
    with gate.admin.signed_in():
        auth_client.grant_user_permission(user.name, "experiment", three, "DENY")
    assert [may(gate, user, experiment) for experiment in experiments] == [["read"], ["read"], []]

    page = admin.open(f"/admin/users/{user.name}", ["This user has not been assigned to any roles."])
    with dialog_of(admin, page, "Edit access", "Review changes", "Apply changes") as dialog:
        choose_several(page, "Roles", [role.name])
        dialog.get_by_role("button", name=f"Remove experiment {three}", exact=True).click()
        add_permission(page, DIRECT, "Experiment", two, "EDIT")
        add_permission(page, DIRECT, "Trace", None, "DENY")
        page.screenshot(path=artifacts_dir / "admin-edit-access.png")

    page = admin.open(f"/admin/users/{user.name}", [role.name])
    shows(page, row(role.name))
    page.screenshot(path=artifacts_dir / "admin-user-roles.png")
    page.get_by_role("tab", name="Permissions").click()
    by_role, direct = (f"experiment:{one}", "EDIT", role.name), (f"experiment:{two}", "EDIT", "Direct")
    shows(page, *sort_patterns(by_role, direct), row("trace:all", "DENY", "Direct"))
    page.screenshot(path=artifacts_dir / "admin-user-permissions.png")
    given = {("experiment", one, "EDIT"), ("experiment", two, "EDIT"), ("trace", "*", "DENY")}
    assert held_by(user) == (given, {role.name})
    updates = ["read", "update"]
    assert [may(gate, user, experiment) for experiment in experiments] == [updates, updates, ["read"]]

    with dialog_of(admin, page, "Edit access", "Review changes", "Apply changes") as dialog:
        choose_several(page, "Roles", [role.name])
        dialog.get_by_role("button", name=f"Remove experiment {two}", exact=True).click()
        add_permission(page, DIRECT, "Experiment", three, "DENY")
    page = admin.open(f"/admin/users/{user.name}?tab=permissions", [f"experiment:{three}"])
    shows(page, row(f"experiment:{three}", "DENY", "Direct"), row("trace:all", "DENY", "Direct"))
    assert held_by(user) == ({("experiment", three, "DENY"), ("trace", "*", "DENY")}, set())
    assert [may(gate, user, experiment) for experiment in experiments] == [["read"], ["read"], []]

    with dialog_of(admin, page, "Edit access", "Review changes", "Apply changes") as dialog:
        dialog.get_by_role("switch", name="This user is an admin").click()
    page = admin.open(f"/admin/users/{user.name}?tab=permissions", [f"experiment:{three}"])
    expect(page.get_by_text("Admin", exact=True)).to_be_visible()
    with gate.admin.signed_in():
        assert auth_client.get_user(user.name).is_admin
    assert may(gate, user, three) == ["read", "update"]


def test_deleting_a_role_and_a_user(gate, admin, experiments, new_role, role_named, held_by, artifacts_dir):
    user, other = gate.new_user(), gate.new_user("stays")
    role, stays = new_role(("experiment", experiments[0], "EDIT"), users=[user]), new_role()
    assert may(gate, user, experiments[0]) == ["read", "update"]

    page = admin.open("/admin?tab=roles", [role.name])
    page.get_by_role("checkbox", name=f"Select role {role.name}").click()
    with dialog_of(admin, page, "Delete (1)", "Delete") as dialog:
        expect(dialog).to_contain_text("Delete 1 role?")
        page.screenshot(path=artifacts_dir / "admin-delete-role.png")
    page = admin.open("/admin?tab=roles", [stays.name])
    shows(page, about=role.name)
    assert role_named(role.name) is None
    assert held_by(user) == (set(), set())
    assert may(gate, user, experiments[0]) == ["read"]

    page = admin.open("/admin", [user.name])
    page.get_by_role("checkbox", name=f"Select user {user.name}").click()
    with dialog_of(admin, page, "Delete (1)", "Delete") as dialog:
        expect(dialog).to_contain_text("Delete 1 user?")
    page = admin.open("/admin", [other.name])
    shows(page, about=user.name)
    expect(page.get_by_role("checkbox", name="Cannot select your own account (admin)")).to_be_disabled()
    listed = gate.request("GET", f"{API}/users/list", gate.admin).json()["users"]
    names = [entry["username"] for entry in listed]
    assert other.name in names and user.name not in names
    assert gate.request("GET", f"{API}/users/current", user).status_code == 401


class SignedIn:
    """Somebody whose browser itself keeps the password, as after a prompt."""

    def __init__(self, gate, context, user):
        self.gate, self.context, self.user = gate, context, user
        self.answers = []
        context.on("response", lambda answer: self.answers.append(answer))
        self.sign_in(user)

    def sign_in(self, user):
        self.page = self.context.new_page()
        scheme, host = self.gate.url.split("://")
        # fetch() takes no address of a page with credentials in it, so they are given for another one.
        with_credentials = f"{scheme}://{quote(user.name)}:{quote(user.password)}@{host}"
        assert self.page.goto(f"{with_credentials}{API}/users/current").status == 200

    def menu(self):
        self.page.get_by_role("button", name=f"Account menu for {self.user.name}").click()
        self.page.get_by_role("menuitem", name="Account").wait_for()
        return self.page.get_by_role("menuitem").all_inner_texts()

    def is_signed_out_by(self, action):
        """The page asks once with a name that nobody has, which is what the browser keeps from then on."""
        self.answers.clear()
        home = f"{self.gate.url}/"
        with self.page.expect_response(lambda answer: answer.url == home and answer.status == 401):
            action()
        # What Chromium shows when it has nobody to ask for a password.
        expect(self.page).to_have_url("chrome-error://chromewebdata/")
        asked = [answer for answer in self.answers if answer.url.endswith(f"{API}/users/current")]
        assert [answer.status for answer in asked][-1] == 401
        assert asked[-1].headers["www-authenticate"].startswith("Basic")
        for address in (home, f"{self.gate.url}{API}/users/current"):
            with pytest.raises(PlaywrightError, match="ERR_INVALID_AUTH_CREDENTIALS"):
                self.context.new_page().goto(address)


@pytest.fixture
def signed_in(gate, new_context):
    return lambda user: SignedIn(gate, new_context(), user)


def test_the_account_page_and_a_new_password(gate, signed_in, auth_client, experiments, new_role, artifacts_dir):
    one, two, _ = experiments
    user = gate.new_user()
    role = new_role(("experiment", one, "EDIT"), users=[user])
    with gate.admin.signed_in():
        auth_client.grant_user_permission(user.name, "experiment", two, "READ")

    visitor = signed_in(user)
    page = visitor.page
    page.goto(f"{gate.url}/#/account")
    expect(page.get_by_text("Logged in as")).to_have_text(f"Logged in as {user.name}")
    shows(page, row(role.name))
    page.screenshot(path=artifacts_dir / "account-roles.png")
    page.get_by_role("tab", name="Permissions").click()
    by_role, direct = (f"experiment:{one}", "EDIT", role.name), (f"experiment:{two}", "READ", "Direct")
    shows(page, *sort_patterns(by_role, direct))
    page.screenshot(path=artifacts_dir / "account-permissions.png")
    assert [a.url for a in visitor.answers if a.status >= 400 and a.url.startswith(gate.url)] == []

    changed = User(user.name, "another-long-enough-password")
    page.get_by_role("button", name="Change password").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_placeholder("Enter current password").fill("not-the-password-of-the-user")
    dialog.get_by_placeholder("Enter new password").fill(changed.password)
    dialog.get_by_placeholder("Confirm new password").fill(changed.password)
    update = dialog.get_by_role("button", name="Update password")
    update.click()
    expect(dialog).to_contain_text("Current password does not match.")
    page.screenshot(path=artifacts_dir / "account-wrong-password.png")
    assert gate.request("GET", f"{API}/users/current", user).status_code == 200
    dialog.get_by_placeholder("Enter current password").fill(user.password)
    visitor.is_signed_out_by(update.click)

    assert gate.request("GET", f"{API}/users/current", user).status_code == 401
    assert gate.request("GET", f"{API}/users/current", changed).status_code == 200
    visitor.sign_in(changed)
    page.goto(f"{gate.url}/#/account")
    shows(page, row(role.name))


@pytest.mark.parametrize("is_admin", [False, True], ids=["user", "admin"])
def test_logging_out(gate, signed_in, auth_client, artifacts_dir, is_admin):
    user = gate.new_user()
    with gate.admin.signed_in():
        auth_client.update_user_admin(user.name, is_admin)
    visitor = signed_in(user)
    page = visitor.page
    page.goto(f"{gate.url}/#/experiments")
    assert visitor.menu() == (["Account", "Manage", "Logout"] if is_admin else ["Account", "Logout"])
    page.screenshot(path=artifacts_dir / f"account-menu-{'admin' if is_admin else 'user'}.png")
    visitor.is_signed_out_by(page.get_by_role("menuitem", name="Logout").click)
    visitor.sign_in(user)
    page.goto(f"{gate.url}/#/account")
    expect(page.get_by_text("Logged in as")).to_have_text(f"Logged in as {user.name}")


def test_logging_out_locks_nobody(own_gate):
    """A dozen users of an office, with the lockout that everybody has who sets nothing."""
    gate = own_gate(PASSWORD_HASH="pbkdf2:sha256:1000")
    waiting = gate.new_user()
    for _ in range(12):
        name = f"mlflow-logged-out-{uuid.uuid4().hex}"
        answer = gate.request("GET", f"{API}/users/current", User(name, name))
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Basic")
        # No cache keeps a 401 that does not say how long it is good.
        assert not re.search("max-age|public", answer.headers.get("Cache-Control", ""))
        assert "Expires" not in answer.headers
    assert gate.request("GET", f"{API}/users/current", waiting).status_code == 200


def test_what_the_pages_tell_an_ordinary_user(gate, visit, auth_client, experiments, new_role, artifacts_dir):
    user, other = gate.new_user("curious"), gate.new_user("other")
    role = new_role(("experiment", experiments[0], "EDIT"), users=[other], description=unique("secret"))
    with gate.admin.signed_in():
        auth_client.grant_user_permission(other.name, "experiment", experiments[1], "DENY")
    secrets = [role.name, role.description]

    visitor = visit(user)
    of_other = f"/admin/users/{other.name}"
    pages = {
        "users": ("/admin", ["Platform Admin"], "200 GET .*/users/list"),
        "roles": ("/admin?tab=roles", ["Platform Admin"], "200 GET .*/users/current"),
        "role": (f"/admin/roles/{role.id}", ["You do not have permission"], "403 GET .*/roles/get"),
        "other": (of_other, [other.name], "403 GET .*/users/roles/list"),
        "other-permissions": (f"{of_other}?tab=permissions", [other.name], "403 GET .*/users/roles/list"),
        "account": ("/account", ["Logged in as"], "200 GET .*/users/roles/list"),
    }
    told = {}
    for name, (path, texts, answer) in pages.items():
        page = visitor.open(path, texts, answer)
        page.screenshot(path=artifacts_dir / f"admin-ordinary-{name}.png")
        seen = [("the page", page.content()), *visitor.told()]
        if found := [where for where, text in seen if any(secret in text for secret in secrets)]:
            told[name] = found
        page.close()
    assert told == {}
    # Everybody is told all names, as in MLflow, but of roles only the own ones.
    listed = gate.request("GET", f"{API}/users/list", user).json()["users"]
    assert other.name in [entry["username"] for entry in listed]
    assert [entry["roles"] for entry in listed if entry["roles"]] == []


def test_an_ordinary_user_changes_nothing_by_the_pages(
    gate, visit, auth_client, experiments, new_role, held_by, artifacts_dir
):
    user, other = gate.new_user("curious"), gate.new_user("other")
    role = new_role(("experiment", experiments[0], "EDIT"), users=[other])
    with gate.admin.signed_in():
        auth_client.grant_user_permission(other.name, "experiment", experiments[1], "DENY")
        permission = auth_client.list_role_permissions(role.id)[0].id
    before = everything(gate)

    # The one button that is there for everybody.
    visitor = visit(user)
    page = visitor.open(f"/admin/users/{user.name}", ["Edit access"])
    page.get_by_role("button", name="Edit access").click()
    dialog = page.get_by_role("dialog")
    add_permission(page, DIRECT, "Experiment", experiments[0], "MANAGE")
    dialog.get_by_role("button", name="Review changes").click()
    dialog.get_by_role("button", name="Apply changes").click()
    expect(dialog).to_contain_text("You do not have permission to access this resource.")
    page.screenshot(path=artifacts_dir / "admin-ordinary-edit-access.png")

    # What the other buttons would send.
    own, others = {"username": user.name}, {"username": other.name}
    grant = {"resource_type": "experiment", "resource_id": experiments[0]}
    writes = [
        ("POST", f"{API}/users/create", {"username": unique("made"), "password": PASSWORD}),
        ("PATCH", f"{API}/users/update-admin", own | {"is_admin": True}),
        ("PATCH", f"{API}/users/update-password", others | {"password": PASSWORD}),
        ("DELETE", f"{API}/users/delete", others),
        ("POST", f"{ROLES}/roles/create", {"name": unique("role"), "workspace": "default"}),
        ("PATCH", f"{ROLES}/roles/update", {"role_id": role.id, "name": unique("role")}),
        ("DELETE", f"{ROLES}/roles/delete", {"role_id": role.id}),
        (
            "POST",
            f"{ROLES}/roles/permissions/add",
            {
                "role_id": role.id,
                "resource_type": "experiment",
                "resource_pattern": "*",
                "permission": "MANAGE",
            },
        ),
        ("PATCH", f"{ROLES}/roles/permissions/update", {"role_permission_id": permission, "permission": "READ"}),
        ("DELETE", f"{ROLES}/roles/permissions/remove", {"role_permission_id": permission}),
        ("POST", f"{ROLES}/roles/assign", own | {"role_id": role.id}),
        ("DELETE", f"{ROLES}/roles/unassign", others | {"role_id": role.id}),
        ("POST", f"{ROLES}/users/permissions/grant", own | grant | {"permission": "MANAGE"}),
        ("POST", f"{ROLES}/users/permissions/revoke", others | grant),
    ]
    send = """async ([method, path, body]) => (await fetch(path, {
        method, body: JSON.stringify(body), headers: {"Content-Type": "application/json"}
    })).status"""
    answers = {f"{method} {path}": page.evaluate(send, [method, path, body]) for method, path, body in writes}
    assert {request: status for request, status in answers.items() if status != 403} == {}
    assert everything(gate) == before
    assert may(gate, user, experiments[0]) == ["read"]
    assert gate.request("GET", f"{API}/users/current", other).status_code == 200


def everything(gate):
    """All users and roles, as an administrator sees them."""
    lists = [gate.request("GET", path, gate.admin) for path in (f"{API}/users/list", f"{ROLES}/roles/list")]
    assert [answer.status_code for answer in lists] == [200, 200]
    return [answer.json() for answer in lists]
