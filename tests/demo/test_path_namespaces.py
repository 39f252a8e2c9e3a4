"""The path through two network namespaces: real UDP and TCP through the emulator's process. Needs root on Linux."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from app.demo.path import LinkSettings, NamespacePath, PathUnavailable, make_path, netns

REASON = netns.why_not()
needs_namespaces = pytest.mark.skipif(REASON is not None, reason=str(REASON))
SECONDS = 30

UDP_ECHO = """
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 9000))
print("up", flush=True)
while True:
    data, sender = s.recvfrom(2000)
    s.sendto(data, sender)
"""
UDP_CLIENT = """
import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(float(sys.argv[1]))
for number in range(int(sys.argv[2])):
    start = time.monotonic()
    packet = bytes([0x80, 111, 0, number]) + bytes(96)
    s.sendto(packet, ("10.88.0.2", 9000))
    assert s.recv(2000) == packet
    print(round((time.monotonic() - start) * 1000, 2), flush=True)
"""
TCP_ECHO = """
import socket
s = socket.create_server(("0.0.0.0", 8443))
print("up", flush=True)
while True:
    c, _ = s.accept()
    while data := c.recv(4096):
        c.sendall(data)
    c.close()
"""
TCP_CLIENT = """
import socket, threading
c = socket.create_connection(("10.88.0.2", 8443), 15)
blob = bytes(range(256)) * 400
threading.Thread(target=lambda: (c.sendall(blob), c.shutdown(socket.SHUT_WR))).start()
got = b""
while data := c.recv(65536):
    got += data
print(got == blob)
"""
LOCAL_CLIENT = """
import socket
for host in ("127.0.0.1", "10.88.0.2"):
    c = socket.create_connection((host, 8443), 10)
    c.sendall(b"x")
    print(c.recv(1).decode())
"""
ADDRESSES = """
import socket
print(open("/proc/net/if_inet6").read().strip())
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
try:
    s.connect(("192.0.2.1", 9))
    print("reachable")
except OSError as e:
    print(e.errno)
"""


@pytest.fixture(scope="module")
def path():
    with NamespacePath(LinkSettings(rate_kbps=2000, delay_ms=10)) as made:
        yield made


@pytest.fixture
def udp_echo(path):
    server = start(path, "town", UDP_ECHO)
    assert server.stdout.readline() == "up\n"
    yield server
    stop(server)


def start(path, side, script, *arguments):
    argv = [sys.executable, "-c", script, *arguments]
    return path.popen(side, argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def run(path, side, script, *arguments):
    child = start(path, side, script, *arguments)
    out, error = child.communicate(timeout=SECONDS)
    return child.returncode, out, error


def stop(child):
    child.terminate()
    child.communicate(timeout=SECONDS)


@needs_namespaces
def test_udp_takes_the_links_time_and_counts_as_media(path, udp_echo):
    before = path.counters()
    code, out, error = run(path, "home", UDP_CLIENT, "10", "20")
    assert code == 0, error
    times = [float(line) for line in out.split()]
    assert len(times) == 20
    assert min(times) >= 20  # twice the delay; the upper end depends on the machine's load
    after = path.counters()
    assert after.to_town.media_packets - before.to_town.media_packets == 20
    assert after.to_home.media_packets - before.to_home.media_packets == 20
    assert after.to_town.media_bytes - before.to_town.media_bytes == 20 * 128


@needs_namespaces
def test_a_cut_loses_everything_until_it_ends(path, udp_echo):
    path.set(cut=True)
    before = path.counters()
    code, _, error = run(path, "home", UDP_CLIENT, "0.5", "1")
    assert code != 0
    assert "TimeoutError" in error
    during = path.counters()
    assert during.to_town.cut_losses > before.to_town.cut_losses
    assert during.to_town.delivered == before.to_town.delivered
    path.set(cut=False)
    assert run(path, "home", UDP_CLIENT, "10", "3")[0] == 0


@needs_namespaces
def test_tcp_both_ways_and_on_the_towns_own_addresses(path):
    path.set(rate_kbps=8000)
    server = start(path, "town", TCP_ECHO)
    assert server.stdout.readline() == "up\n"
    assert path.clinic_url_for("home") == path.clinic_url_for("town") == "https://10.88.0.2:8443"
    assert run(path, "home", TCP_CLIENT)[:2] == (0, "True\n")
    assert run(path, "town", LOCAL_CLIENT)[:2] == (0, "x\nx\n")
    stop(server)


@needs_namespaces
def test_nothing_leads_out_and_there_is_no_ipv6(path):
    for side in ("home", "town"):
        code, out, error = run(path, side, ADDRESSES)
        assert code == 0, error
        assert out.split() == ["101"]  # ENETUNREACH


@needs_namespaces
def test_one_direction_can_be_changed_alone(path):
    path.set(toward="home", rate_kbps=64, queue_ms=100)
    told = path.worker.ask("counters")
    assert told["to_home"]["settings"]["rate_kbps"] == 64
    assert told["to_town"]["settings"]["rate_kbps"] != 64
    path.set(rate_kbps=2000, queue_ms=300)


@needs_namespaces
def test_the_environment_and_a_folder_reach_the_command(path, tmp_path):
    script = "import os; print(os.environ['THINLINE_TEST'], os.getcwd())"
    argv = [sys.executable, "-c", script]
    child = path.popen("home", argv, env={"THINLINE_TEST": "yes"}, cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert child.communicate(timeout=SECONDS)[0] == f"yes {tmp_path}\n"


def gone(pid: int) -> bool:
    return not [name for name in netns.existing() if f"-{pid}-" in name]


@needs_namespaces
def test_closing_removes_the_namespaces_and_ends_what_ran_in_them():
    path = make_path("namespaces")
    path.start()
    pid = path.worker.pid
    assert not gone(pid)
    child = path.popen("town", ["sleep", "60"])
    path.close()
    assert gone(pid)
    assert child.returncode is not None


@needs_namespaces
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_to_the_emulator_removes_them(number):
    path = NamespacePath(LinkSettings())
    path.start()
    pid = path.worker.pid
    os.kill(pid, number)
    path.worker._process.wait(SECONDS)
    assert gone(pid)
    path.close()


PARENT = """
import sys, time
from app.demo.path import NamespacePath, LinkSettings
path = NamespacePath(LinkSettings())
path.start()
child = path.popen("home", ["sleep", "60"])
print(path.worker.pid, child.pid, flush=True)
sys.stdin.read()
"""


@needs_namespaces
def test_a_killed_demo_leaves_no_namespace_and_no_process_behind():
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    emulator, child = (int(word) for word in parent.stdout.readline().split())
    emulator_ends, child_ends = os.pidfd_open(emulator), os.pidfd_open(child)
    parent.kill()
    parent.communicate(timeout=SECONDS)
    for descriptor in (emulator_ends, child_ends):
        wait_for_end(descriptor)
    assert gone(emulator)


@needs_namespaces
def test_a_killed_emulators_namespaces_go_with_the_path_or_with_the_next():
    path = NamespacePath(LinkSettings())
    path.start()
    pid = path.worker.pid
    path.worker._process.kill()
    path.worker._process.wait(SECONDS)
    assert not gone(pid)
    netns.sweep()
    assert gone(pid)
    path.close()


def wait_for_end(descriptor: int) -> None:
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    assert poll.poll(SECONDS * 1000)
    os.close(descriptor)


def test_who_is_not_root_is_told(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert netns.why_not() == "Only root can make network namespaces."
    with pytest.raises(PathUnavailable, match="Only root"):
        make_path("namespaces").start()
    assert make_path("auto").kind == "relay"


@needs_namespaces
def test_auto_takes_namespaces_where_they_work():
    assert make_path("auto").kind == "namespaces"
    assert gone(os.getpid())
