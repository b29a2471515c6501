"""Cloudflare Access: a key server of our own stands in for the team's."""

import base64
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

pytestmark = pytest.mark.once
AUDIENCE = "4714c1358e65fe4b408ad6d432a5f878f08194bdb4752441fd56faefa9b2b6f2"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Team:
    """A key, the address where it is published, and assertions signed with it."""

    def __init__(self):
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        team = self

        class Certs(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"keys": [team.jwk()]}).encode()
                self.send_response(200 if self.path == "/cdn-cgi/access/certs" else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Certs)
        self.domain = f"127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def jwk(self):
        n = self.key.public_key().public_numbers().n
        return {"kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB", "n": base64url(n.to_bytes(256, "big"))}

    def assertion(self, email, key=None, algorithm="RS256", **changes):
        now = int(time.time())
        claims = {"iss": f"https://{self.domain}", "aud": [AUDIENCE], "email": email, "iat": now, "exp": now + 60}
        parts = [{"alg": algorithm, "kid": "k1"}, claims | changes]
        signed = ".".join(base64url(json.dumps(part).encode()) for part in parts)
        return f"{signed}.{base64url((key or self.key).sign(signed.encode(), padding.PKCS1v15(), SHA256()))}"


@pytest.fixture
def team():
    team = Team()
    yield team
    team.server.shutdown()


def test_access_signs_in_who_is_a_user(own_gate, team):
    gate = own_gate(ACCESS_TEAM_DOMAIN=team.domain, ACCESS_AUD=AUDIENCE)
    alice = {"username": "alice@example.com", "password": "never-used-here"}
    assert gate.request("POST", "/api/2.0/mlflow/users/create", gate.admin, json=alice).status_code == 200

    def ask(assertion):
        headers = {"Cf-Access-Jwt-Assertion": assertion}
        return gate.request("GET", "/api/2.0/mlflow/users/current", headers=headers)

    answer = ask(team.assertion("alice@example.com"))
    assert (answer.status_code, answer.json()["user"]["username"]) == (200, "alice@example.com")
    forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    good = team.assertion("alice@example.com")
    for wrong in (
        team.assertion("nobody@example.com"),
        team.assertion("alice@example.com", key=forger),
        team.assertion("alice@example.com", algorithm="HS256"),
        team.assertion("alice@example.com", algorithm="none"),
        team.assertion("alice@example.com", exp=int(time.time()) - 1),
        team.assertion("alice@example.com", aud=["another"]),
        team.assertion("alice@example.com", iss="https://evil.cloudflareaccess.com"),
        good.rsplit(".", 1)[0] + ".",
    ):
        assert ask(wrong).status_code == 401, wrong
    assert gate.request("GET", "/", gate.admin).status_code == 200, "passwords still do"
