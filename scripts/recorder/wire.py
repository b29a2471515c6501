"""Sends requests byte for byte, and writes down what passes between the Worker and MLflow."""

import base64
import http.client
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

# Of one connection only (RFC 9110, 7.6.1), or made again here.
OF_THE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "accept-encoding"}
TIMEOUT_SECONDS = 120


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list  # of (name, value), as received
    body: bytes

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    def header(self, name):
        """The values of a header joined as HTTP joins them; None without one."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    def __str__(self):
        return f"{self.status} {self.header('Content-Type')} {self.text[:400]!r}"


class Client:
    """One connection to a server, opened again when the server closed it.

    Nothing is normalised, and no header is added but Host and Content-Length.
    """

    def __init__(self, url):
        self.address = urlsplit(url).netloc
        self.connection = None

    def send(self, method, target, headers=(), body=None):
        for is_last in (False, True):
            try:
                return self.attempt(method, target, headers, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                self.connection = None
                if is_last:
                    raise

    def attempt(self, method, target, headers, body):
        if self.connection is None:
            self.connection = http.client.HTTPConnection(self.address, timeout=TIMEOUT_SECONDS)
        connection = self.connection
        connection.putrequest(method, target, skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value)
        if body is not None:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body or None)
        response = connection.getresponse()
        answer = Answer(response.status, response.getheaders(), response.read())
        if response.will_close:
            self.connection = None
        return answer


@dataclass(frozen=True)
class Exchange:
    """A question of the Worker to MLflow, and the answer."""

    method: str
    target: str
    body: bytes
    answer: Answer


class Tape:
    """Listens on this machine and passes everything on to `origin`."""

    def __init__(self, origin):
        self.exchanges = []
        tape = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # an answer in one piece: the second of two would wait for an acknowledgement
            disable_nagle_algorithm = True

            def handle_any(self):
                body = self.read_body()
                headers = [(n, v) for n, v in self.headers.items() if n.lower() not in OF_THE_CONNECTION]
                answer = Client(origin).send(self.command, self.path, headers, body)
                tape.exchanges.append(Exchange(self.command, self.path, body or b"", answer))
                self.send_response(answer.status)
                for name, value in answer.headers:
                    if name.lower() not in OF_THE_CONNECTION:
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body)))
                self.end_headers()
                self.wfile.write(answer.body)

            do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = handle_any

            def read_body(self):
                if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
                    chunks = []
                    while size := int(self.rfile.readline().split(b";")[0], 16):
                        chunks.append(self.rfile.read(size))
                        self.rfile.readline()
                    self.rfile.readline()
                    return b"".join(chunks)
                length = self.headers.get("Content-Length")
                return None if length is None else self.rfile.read(int(length))

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def cut(self):
        """Returns what passed since the last cut."""
        passed, self.exchanges = self.exchanges, []
        return passed
