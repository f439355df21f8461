"""Runs a command at a terminal of its own and answers its questions.

Arguments: a JSON list of [what it asks, what is typed], then the command. Nothing that begins with
"Password" or "The same" is answered before the echo is off. Prints what the terminal showed and ends
as the command did.
"""

import json
import os
import pty
import sys
import termios
import time

# So long at most a command takes until it has turned the echo off, on a busy machine too.
PATIENCE_SECONDS = 60

answers = json.loads(sys.argv[1])
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[2], sys.argv[2:])
shown = b""
looked_at = 0
while True:
    try:
        more = os.read(terminal, 4096)
    except OSError:  # the child has closed its side
        break
    if not more:
        break
    shown += more
    while answers and answers[0][0].encode() in shown[looked_at:]:
        question, answer = answers.pop(0)
        looked_at = shown.index(question.encode(), looked_at) + len(question.encode())
        until = time.monotonic() + PATIENCE_SECONDS
        while question.startswith(("Password", "The same")) and termios.tcgetattr(terminal)[3] & termios.ECHO:
            if time.monotonic() > until:
                sys.exit(f"the echo stays on at {question!r}: {shown.decode(errors='replace')}")
            time.sleep(0.005)
        os.write(terminal, answer.encode() + b"\n")
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
sys.stdout.buffer.write(shown)
if answers:
    sys.exit(f"was not asked {answers[0][0]!r}")
sys.exit(status)
