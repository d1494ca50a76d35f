# SPDX-License-Identifier: GPL-2.0-only
"""
A routing daemon as the kernel sees it: one process whose netlink socket adds and removes routes for as long as it lives.
Its like is what espalierd tells by who wrote a route.
"""
import subprocess
import tempfile


class RoutingDaemon:
    """ip -batch that goes on reading."""

    def __init__(self):
        self.start()

    def start(self):
        self.complaints = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(["ip", "-force", "-batch", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.complaints, text=True)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def restart(self):
        """As after kill -9: what it wrote stays in the kernel, the next one is somebody else."""
        self.kill()
        self.start()

    def do(self, *lines):
        """All of them are done when this returns."""
        at = self.complaints.tell()
        self.process.stdin.write("\n".join(lines) + "\nlink show dev lo\n")
        self.process.stdin.flush()
        while "lo:" not in self.process.stdout.readline():
            assert self.process.poll() is None, "ip ended"
        self.process.stdout.readline()
        self.complaints.seek(at)
        said = self.complaints.read().strip()
        assert not said, said
