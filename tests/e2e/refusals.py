"""How MLflow's clients report a refusal."""

from contextlib import contextmanager

import pytest
from mlflow.exceptions import MlflowException


@contextmanager
def refused(code="PERMISSION_DENIED", message=None):
    """The error of this code, and with this at the beginning of its message."""
    with pytest.raises(MlflowException) as caught:
        yield
    assert caught.value.error_code == code, caught.value
    if message is not None:
        assert str(caught.value).startswith(f"{code}: {message}")
