"""A training script as MLflow's users write them. It knows of no gate: the environment names address and user.

Usage: train.py <experiment name> <model name>
"""

import json
import sys
import tempfile
from pathlib import Path

import mlflow
from mlflow.exceptions import MlflowException
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import train_test_split


def train(experiment, model_name):
    features, target = load_diabetes(return_X_y=True, as_frame=True)
    x_train, x_test, y_train, y_test = train_test_split(features, target, random_state=0)
    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        mlflow.log_params({"alpha": 0.5, "rows": len(x_train)})
        model = Ridge(alpha=0.5).fit(x_train, y_train)
        for step in range(5):
            mlflow.log_metric("step", step, step=step)
        mlflow.log_metric("mse", mean_squared_error(y_test, model.predict(x_test)))
        mlflow.set_tag("kind", "ridge")
        with tempfile.TemporaryDirectory() as directory:
            notes = Path(directory) / "notes.txt"
            notes.write_text("trained behind the gate\n")
            mlflow.log_artifact(str(notes), artifact_path="notes")
        mlflow.log_dict({"columns": list(features.columns)}, "columns.json")
        logged = mlflow.sklearn.log_model(
            model, name="model", input_example=x_test.head(2), registered_model_name=model_name
        )
    loaded = mlflow.sklearn.load_model(logged.model_uri)
    return {"run_id": run.info.run_id, "prediction": float(loaded.predict(x_test.head(1))[0])}


if __name__ == "__main__":
    try:
        print(json.dumps(train(*sys.argv[1:])))
    except MlflowException as error:
        sys.exit(f"{type(error).__name__} {error.error_code}: {error.message}")
