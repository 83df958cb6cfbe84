"""Runs a command on a terminal of its own and answers what it asks.

Arguments: a JSON list of [prompt, answer], then the command. Prints what the terminal showed and
ends as the command did.
"""

import json
import os
import pty
import sys
import termios
import time


def wait_for_silence(terminal):
    """The prompt is shown a moment before the echo goes off; nobody types that fast."""
    deadline = time.monotonic() + 10
    while termios.tcgetattr(terminal)[3] & termios.ECHO and time.monotonic() < deadline:
        time.sleep(0.005)


def main():
    answers = json.loads(sys.argv[1])
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[2], sys.argv[2:])
    shown = b""
    seen = 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the last process of a terminal has gone.
            break
        if not piece:
            break
        shown += piece
        while answers and answers[0][0].encode() in shown[seen:]:
            prompt, answer = answers.pop(0)
            seen = shown.index(prompt.encode(), seen) + len(prompt.encode())
            wait_for_silence(terminal)
            os.write(terminal, answer.encode() + b"\n")
    sys.stdout.buffer.write(shown)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


main()
