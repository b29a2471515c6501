"""`make dev` itself: what it promises about starting and ending."""

import os
import re
import signal
import socket
import subprocess
import sys
import time

import pytest

import gate as gates
import processes
from conftest import free_port

pytestmark = [pytest.mark.once, pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")]


def wait_for(condition, seconds=30):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


@pytest.mark.parametrize("how", ["SIGINT to all", "SIGINT to make", "SIGTERM to make", "SIGKILL to make"])
def test_nothing_is_left_behind(own_gate, how):
    running = own_gate()
    started = processes.below(running.process.pid)
    assert any(processes.name(pid).startswith("workerd") for pid in started)
    if how == "SIGINT to all":
        os.killpg(running.process.pid, signal.SIGINT)
    else:
        running.process.send_signal(signal.Signals[how.split()[0]])
    running.process.wait(timeout=30)
    wait_for(lambda: not any(map(processes.exists, started)))


def test_with_an_origin_of_its_own_nothing_is_left_behind(tmp_path):
    running = gates.start(tmp_path, free_port())
    started = processes.below(running.process.pid)
    assert len([pid for pid in started if processes.name(pid).startswith("python")]) > 1
    running.stop()
    wait_for(lambda: not any(map(processes.exists, started)))


def test_a_dead_child_ends_it_all_and_is_named(own_gate):
    running = own_gate()
    started = processes.below(running.process.pid)
    for pid in started:
        if processes.name(pid).startswith("node") and b"cli.js" in open(f"/proc/{pid}/cmdline", "rb").read():
            os.kill(pid, signal.SIGKILL)
    assert running.process.wait(timeout=30) != 0
    assert "wrangler ended with" in (running.state / "make-dev.log").read_text()
    wait_for(lambda: not any(map(processes.exists, started)))


def test_a_taken_port_is_named(gate):
    if gate.process is None:
        pytest.skip("GATE_URL: not started by make dev")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            ["make", "dev", f"PORT={port}", "ORIGIN_URL=http://127.0.0.1:1"],
            cwd=gates.ROOT,
            env=gates.START_ENV,
            capture_output=True,
            text=True,
        )
    assert done.returncode != 0
    assert f"port {port} is taken" in done.stderr


def test_a_second_start_keeps_the_users_and_takes_seconds(own_gate):
    first = own_gate()
    user = first.new_user()
    first.stop()
    began = time.monotonic()
    second = own_gate(state=first.state)
    assert time.monotonic() - began < 30
    assert second.request("GET", "/api/2.0/mlflow/users/get", user, params={"username": user.name}).status_code == 200


def test_worker_variables_arrive_unchanged(own_gate):
    password = """quo"te $HOME ${HOME} #hash `tick` \\n"""
    running = own_gate(ADMIN_USERNAME="root", ADMIN_PASSWORD=password, DEFAULT_PERMISSION="NO_PERMISSIONS")
    running.admin = gates.User("root", password)
    assert running.request("GET", "/api/2.0/mlflow/users/get?username=root", running.admin).status_code == 200
    user = running.new_user()
    assert running.request("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", user).status_code == 403


def test_it_listens_on_this_machine_only(gate):
    if gate.process is None:
        pytest.skip("GATE_URL: its processes are not known")
    mine = set()
    for pid in processes.below(gate.process.pid):
        for fd in os.scandir(f"/proc/{pid}/fd"):
            try:
                if match := re.fullmatch(r"socket:\[(\d+)\]", os.readlink(fd.path)):
                    mine.add(match[1])
            except OSError:
                pass  # closed meanwhile
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in open(f"/proc/net/{table}").readlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and fields[9] in mine:  # listening
                addresses.add(fields[1].partition(":")[0])
    assert addresses == {"0100007F"}  # 127.0.0.1
