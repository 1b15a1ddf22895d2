"""What a program writes to a terminal, and how it answers what is typed there."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time


def output_on_terminal(command, stream, env, columns=80):
    """Runs `command` with its `stream` ("stdout" or "stderr") on a terminal of that many columns, the other one nowhere;
    returns the bytes that came."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: terminal}
    process = subprocess.Popen(command, env=env, **streams)
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # Nobody holds the terminal any more.
            break
        shown += piece
    os.close(main)
    assert process.wait() == 0, shown
    return shown


def lines_left(shown):
    """The lines that stay when everything that was taken back is gone: what a terminal of any width would have."""
    lines = [""]
    column = 0
    for part in re.findall(r"\x1b\[K|\r|\n|[^\x1b\r\n]+", shown):
        if part == "\r":
            column = 0
        elif part == "\n":
            lines.append("")
            column = 0
        elif part == "\x1b[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column] + part + lines[-1][column + len(part):]
            column += len(part)
    return lines


class Talk:
    """A program that a person talks with on a terminal of its own."""

    def __init__(self, command, env):
        self.process, self.main = pty.fork()
        if self.process == 0:
            try:
                os.execvpe(command[0], command, env)
            finally:
                os._exit(127)
        fcntl.ioctl(self.main, termios.TIOCSWINSZ, struct.pack("HHHH", 25, 200, 0, 0))
        # What was shown, and how much of it expect() has passed.
        self.shown, self.passed = "", 0

    def send(self, keys):
        os.write(self.main, keys.encode())

    def read(self, seconds):
        """Reads what comes within this time. False: nothing more will come."""
        if not select.select([self.main], [], [], seconds)[0]:
            return True
        try:
            piece = os.read(self.main, 65536)
        except OSError:  # Nobody holds the terminal any more.
            return False
        self.shown += piece.decode(errors="replace")
        return bool(piece)

    def expect(self, pattern, seconds=60):
        """Waits for what matches the pattern behind what was matched before. Returns the text up to the end of it."""
        end = time.monotonic() + seconds
        while not (found := re.compile(pattern, re.S).search(self.shown, self.passed)):
            assert time.monotonic() < end, f"no {pattern!r} in {self.shown[self.passed:]!r}"
            assert self.read(0.1), f"ended without {pattern!r}: {self.shown[self.passed:]!r}"
        begin, self.passed = self.passed, found.end()
        return self.shown[begin:self.passed]

    def end(self):
        """Waits until the program ends, and returns its exit status."""
        end = time.monotonic() + 60
        while self.read(0.1):
            assert time.monotonic() < end, f"does not end: {self.shown[-1000:]!r}"
        os.close(self.main)
        return os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
