"""How MLflow's clients report a refusal."""

from contextlib import contextmanager

import pytest
from mlflow.exceptions import MlflowException


@contextmanager
def refused(code="PERMISSION_DENIED"):
    with pytest.raises(MlflowException) as caught:
        yield
    assert caught.value.error_code == code, caught.value
