"""What a program writes to a terminal."""

import fcntl
import os
import pty
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
