"""What the measuring programs share: relays in control groups, sinks, SMTP dialogues."""

import atexit
import os
import re
import select
import socket
import subprocess
import sys
import time

DEADLINE = 180


class Relay:
    def __init__(self, name, port, group):
        self.name, self.port, self.group = name, int(port), group

    def cpu(self):
        """Seconds of CPU used by all processes that the group ever had."""
        old = os.path.join(self.group, "cpuacct.usage")
        if os.path.exists(old):
            return int(open(old).read()) / 1e9
        return int(re.search(r"usage_usec (\d+)", open(os.path.join(self.group, "cpu.stat")).read())[1]) / 1e6

    def processes(self):
        return [int(line) for line in open(os.path.join(self.group, "cgroup.procs"))]

    def process(self, name):
        for pid in self.processes():
            try:
                if os.readlink(f"/proc/{pid}/exe").endswith("/" + name):
                    return pid
            except OSError:
                pass
        sys.exit(f"bench: fatal: {name} does not run")

    def pss(self):
        total = 0
        for pid in self.processes():
            try:
                text = open(f"/proc/{pid}/smaps_rollup").read()
            except OSError:
                continue
            found = re.search(r"^Pss:\s+(\d+)", text, re.M)
            total += int(found[1]) if found else 0
        return total

    def settle(self):
        """Waits until the relay has nothing to do any more."""
        before = self.cpu()
        for _ in range(60):
            time.sleep(0.5)
            now = self.cpu()
            if now - before < 0.01:
                return
            before = now


class Counter:
    """One smtp-sink for all runs: a sink that went away would count as a fault of the destination."""

    def __init__(self, port, scratch, address="127.0.0.1"):
        self.path = os.path.join(scratch, f"sink-{address}-{port}")
        self.process = subprocess.Popen(["smtp-sink", "-c", "-u", "nobody", "-m", "1024", f"{address}:{port}", "1024"],
                                        stdout=open(self.path, "wb"))
        # It shares its port with whoever comes later, so it must not stay.
        atexit.register(self.end)
        self.file = open(self.path, "rb", buffering=0)
        wait_for_port(port, address)

    def count(self):
        size = os.fstat(self.file.fileno()).st_size
        found = re.findall(rb"mesg=(\d+)\r", os.pread(self.file.fileno(), 200, max(0, size - 200)))
        return int(found[-1]) if found else 0

    def wait(self, count):
        deadline = time.monotonic() + DEADLINE
        while time.monotonic() < deadline:
            if self.count() >= count:
                return True
            time.sleep(0.005)
        return False

    def end(self):
        self.process.kill()
        self.process.wait()


class Sink:
    """A receiving server in this process: keeps its connections, notes when a message is whole."""

    def __init__(self, port):
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64)
        self.buffers, self.arrived = {}, None

    def sockets(self):
        return [self.listener, *self.buffers]

    def serve(self, ready):
        if ready is self.listener:
            connection, _ = self.listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.buffers[connection] = [b"", False]
            connection.send(b"220 sink.example ESMTP\r\n")
            return
        state = self.buffers[ready]
        try:
            data = ready.recv(65536)
        except OSError:
            data = b""
        if not data:
            ready.close()
            del self.buffers[ready]
            return
        state[0] += data
        replies = b""
        while True:
            if state[1]:
                _, end, rest = state[0].partition(b"\r\n.\r\n")
                if not end:
                    break
                self.arrived = time.monotonic()
                state[0], state[1] = rest, False
                replies += b"250 2.0.0 Ok\r\n"
                continue
            line, end, rest = state[0].partition(b"\r\n")
            if not end:
                break
            state[0] = rest
            verb = line[:4].upper()
            if verb == b"DATA":
                state[1] = True
                replies += b"354 go ahead\r\n"
            elif verb == b"EHLO":
                replies += b"250-sink.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n"
            elif verb == b"QUIT":
                replies += b"221 bye\r\n"
            else:
                replies += b"250 2.1.0 Ok\r\n"
        if replies:
            ready.send(replies)

    def run(self, until, deadline):
        while not until():
            left = deadline - time.monotonic()
            if left <= 0:
                return
            for ready in select.select(self.sockets(), [], [], left)[0]:
                self.serve(ready)


def dialogue(port, lines):
    connection = socket.create_connection(("127.0.0.1", port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    reply(connection)
    for line in lines:
        connection.sendall(line + b"\r\n")
        reply(connection)
    return connection


def reply(connection):
    text = b""
    while not re.search(rb"(?:^|\n)\d\d\d [^\n]*\n\Z", text):
        data = connection.recv(4096)
        if not data:
            sys.exit("bench: fatal: a relay has closed the connection")
        text += data
    if text[:1] not in b"23":
        sys.exit(f"bench: fatal: a relay said {text!r}")


def wait_for_port(port, address="127.0.0.1"):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with socket.create_connection((address, port)) as connection:
                if connection.recv(100):
                    connection.send(b"QUIT\r\n")
                    connection.recv(100)
                    return
        except OSError:
            pass
        time.sleep(0.05)
    sys.exit(f"bench: fatal: nobody serves port {port}")
