"""A TLS endpoint with a self-signed certificate, and all Worker variables at their defaults."""

import datetime
import ipaddress

import mlflow
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.server import get_app_client

from gate import User, stored_hash, unique

pytestmark = pytest.mark.once


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    (directory / "cert.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    (directory / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return directory


def test_self_signed_tls_and_the_default_hash(own_gate, certificate, monkeypatch):
    cert = str(certificate / "cert.pem")
    gate = own_gate(TLS_CERT=cert, TLS_KEY=str(certificate / "key.pem"), verify=cert)
    mlflow.set_tracking_uri(gate.url)
    user = User(unique("tls"), "a-long-enough-password")

    with gate.admin.signed_in():
        with pytest.raises(MlflowException, match="(?i)certificate"):
            MlflowClient().get_experiment("0")

        with monkeypatch.context() as set_up:
            set_up.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
            assert MlflowClient().get_experiment("0").name == "Default"

        monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", cert)
        assert MlflowClient().get_experiment("0").name == "Default"
        get_app_client("basic-auth", tracking_uri=gate.url).create_user(user.name, user.password)

    with user.signed_in():
        assert MlflowClient().get_experiment("0").name == "Default"

    assert stored_hash(gate, user.name).startswith("scrypt:32768:8:1$")
