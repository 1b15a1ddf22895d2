"""What a program writes to a terminal."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios


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
