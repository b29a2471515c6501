"""MLflow's own UI in a real browser: for somebody who may read, and for somebody who may not.

Every page is opened by its address, in a tab of its own, and is done when it shows what it should and asks for nothing
more. What the browser was answered is then looked at, not only what it shows.
"""

import re
import uuid
from dataclasses import dataclass

import mlflow
import numpy
import pytest
from mlflow import MlflowClient
from mlflow.server import get_app_client

from gate import unique
from visitor import Visitor

pytestmark = pytest.mark.new_client

# In names, values and content of everything that is not for the outsider. Only the registered model has another name,
# because its address holds it.
SECRET = f"xylograph{uuid.uuid4().hex[:8]}"


@dataclass
class Project:
    """What there is to see."""

    experiment: str
    run: str
    trace: str
    logged_model: str
    model: str

    @property
    def pages(self):
        """Name and address, what only a reader sees there, and what an outsider is answered to what it asks for."""
        experiment = f"/experiments/{self.experiment}"
        run = f"{experiment}/runs/{self.run}"
        no_experiment, no_run = '"mlflowGetExperiment": *null', '"mlflowGetRun": *null'
        pages = [
            ("experiments", "/experiments", [f"{SECRET}-experiment"], "200 GET .*/experiments/search"),
            ("experiment", experiment, [f"{SECRET}-experiment"], no_experiment),
            ("runs", f"{experiment}/runs", [f"{SECRET}-run"], no_experiment),
            (
                "run",
                run,
                [f"{SECRET} of a run", f"{SECRET}_tag", f"{SECRET}_loss", f"{SECRET}_param", self.model],
                no_run,
            ),
            ("metrics", f"{run}/model-metrics", [f"{SECRET}_loss", "accuracy"], no_run),
            ("artifact", f"{run}/artifacts/notes/notes.txt", [f"{SECRET} stands in the notes"], no_run),
            ("picture", f"{run}/artifacts/picture.png", ["picture.png"], no_run),
            ("traces", f"{experiment}/traces", [f"{SECRET} asked"], "403 POST .*/traces/search"),
            (
                "trace",
                f"{experiment}/traces/{self.trace}",
                [f"{SECRET}-root", f"{SECRET}-child", f"{SECRET} answered"],
                f"403 GET .*{self.trace}",
            ),
            ("logged-models", f"{experiment}/models", [f"{SECRET}-logged"], "200 POST .*/logged-models/search {}"),
            (
                "logged-model",
                f"{experiment}/models/{self.logged_model}",
                [f"{SECRET}-logged", f"{SECRET}_loss"],
                "403 GET .*/logged-models/",
            ),
            ("models", "/models", [self.model], "200 GET .*/registered-models/search"),
            (
                "model",
                f"/models/{self.model}",
                [f"{SECRET} of a model", f"{SECRET} of a version"],
                "403 GET .*/registered-models/get",
            ),
            (
                "version",
                f"/models/{self.model}/versions/1",
                [f"{SECRET} of a version", f"{SECRET}-run"],
                "403 GET .*/model-versions/get",
            ),
        ]
        return {name: page for name, *page in pages}


@pytest.fixture(scope="module")
def project(gate):
    mlflow.set_tracking_uri(gate.url)
    client = MlflowClient()
    with gate.admin.signed_in():
        experiment = client.create_experiment(unique(f"{SECRET}-experiment"), tags={"team": f"{SECRET}-team"})
        with mlflow.start_run(
            experiment_id=experiment, run_name=f"{SECRET}-run", description=f"{SECRET} of a run"
        ) as run:
            mlflow.log_params({f"{SECRET}_param": f"{SECRET}-value", "alpha": 0.5})
            mlflow.set_tag(f"{SECRET}_tag", f"{SECRET}-value")
            for step in range(20):
                mlflow.log_metrics({f"{SECRET}_loss": 1 / (step + 1), "accuracy": step / 20}, step=step)
            mlflow.log_text(f"{SECRET} stands in the notes\n", "notes/notes.txt")
            mlflow.log_image(numpy.full((16, 16, 3), (255, 0, 0), dtype=numpy.uint8), "picture.png")
            logged_model = mlflow.pyfunc.log_model(
                name=f"{SECRET}-logged", python_model=lambda model_input: model_input, pip_requirements=[]
            )
        root = client.start_trace(
            f"{SECRET}-root", "CHAIN", inputs={"question": f"{SECRET} asked"}, experiment_id=experiment
        )
        child = client.start_span(f"{SECRET}-child", root.trace_id, root.span_id, "TOOL")
        client.end_span(root.trace_id, child.span_id, outputs=f"{SECRET} of the tool")
        client.end_trace(root.trace_id, outputs={"answer": f"{SECRET} answered"})
        mlflow.flush_trace_async_logging()
        model = unique("seen-in-the-ui")
        client.create_registered_model(model, tags={"secret": SECRET}, description=f"{SECRET} of a model")
        client.create_model_version(
            model,
            logged_model.model_uri,
            run.info.run_id,
            tags={f"{SECRET}_version_tag": "1"},
            description=f"{SECRET} of a version",
            model_id=logged_model.model_id,
        )
    return Project(experiment, run.info.run_id, root.trace_id, logged_model.model_id, model)


@pytest.fixture
def visitor(gate, project, browser):
    contexts = []

    def visit(name, level):
        user = gate.new_user(name)
        grants = get_app_client("basic-auth", tracking_uri=gate.url)
        with gate.admin.signed_in():
            grants.grant_user_permission(user.name, "experiment", project.experiment, level)
            grants.grant_user_permission(user.name, "registered_model", project.model, level)
        context = browser.new_context(
            http_credentials={"username": user.name, "password": user.password},
            viewport={"width": 1400, "height": 900},
        )
        contexts.append(context)
        return Visitor(gate, context)

    yield visit
    for context in contexts:
        context.close()


@pytest.fixture
def refusals(gate):
    """What the gate itself says that it refused: it sees the UI's worker too, which the browser's log does not show."""
    if gate.state is None:
        return lambda: set()
    log = gate.state / "make-dev.log"
    begin = len(log.read_text())
    return lambda: set(re.findall(r"\] (\S+ \S+ [45]\d\d) ", log.read_text()[begin:]))


def test_a_reader_sees_everything_and_is_refused_nothing(visitor, project, artifacts_dir, refusals):
    reader = visitor("reader", "READ")
    refused = {}
    for name, (path, texts, _) in project.pages.items():
        page = reader.open(path, texts)
        if name == "metrics":
            page.wait_for_function("document.querySelectorAll('.scatterlayer .trace .lines path').length >= 2")
        if name == "picture":
            page.wait_for_function("[...document.images].some((image) => image.naturalWidth === 16)")
        if name == "trace":
            page.get_by_text(f"{SECRET}-child").first.click()
            page.get_by_text(f"{SECRET} of the tool").first.wait_for()
        reader.settle(page)
        page.screenshot(path=artifacts_dir / f"ui-reader-{name}.png")
        if found := reader.refused():
            refused[name] = found
        assert any(SECRET in body for _, body in reader.told()), f"{name} would tell an outsider nothing either"
        page.close()
    assert refused == {}
    # A browser asks once without credentials, and is told that it needs some.
    assert refusals() <= {"GET / 401"}


def test_an_outsider_sees_nothing(visitor, project, artifacts_dir):
    outsider = visitor("outsider", "DENY")
    leaks = {}
    home = {"home": ("/", [], "200 GET .*/experiments/search")}
    for name, (path, _, answer) in (home | project.pages).items():
        page = outsider.open(path, answer=answer)
        page.screenshot(path=artifacts_dir / f"ui-outsider-{name}.png")
        # A page about the model says the name that its address holds.
        secrets = [SECRET] if project.model in path else [SECRET, project.model]
        seen = [("the page", page.content()), *outsider.told()]
        if found := [where for where, text in seen if any(secret in text for secret in secrets)]:
            leaks[name] = found
        page.close()
    assert leaks == {}
