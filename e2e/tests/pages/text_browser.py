"""Signs up with lynx, a browser for text, key by key: text_browser.py URL INBOX.

Prints what lynx shows when it is in; ends with an error where it does not come so far.
"""

import json
import os
import pty
import random
import re
import select
import struct
import sys
import tempfile
import termios
import fcntl
import time
import urllib.request

PATIENCE = 60
DOWN, ENTER, REDRAW = b"\x1b[B", b"\r", b"\x0c"

# What stands before the field on every page: "skip to content", the name, the other language.
BEFORE = 3

WORDS = {
    "en": ("Sign up", "Enter the code", "That code is wrong", "Your account is ready"),
    "fa": ("ثبت‌نام", "کد را وارد کنید", "کد نادرست است", "حساب شما ساخته شد"),
}


class Lynx:
    """Lynx on a terminal of its own."""

    def __init__(self, url, language, folder):
        config = os.path.join(folder, "lynx.cfg")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"PREFERRED_LANGUAGE:{language}\nACCEPT_ALL_COOKIES:TRUE\nCHARACTER_SET:utf-8\n")
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            environment = {
                "PATH": os.environ["PATH"],
                "HOME": folder,
                "TERM": "vt100",
                "LC_ALL": "C.UTF-8",
            }
            os.execvpe("lynx", ["lynx", "-nocolor", f"-cfg={config}", url], environment)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 100, 0, 0))

    def read(self, seconds):
        """What the terminal is sent until it is quiet for so long."""
        sent = b""
        while select.select([self.terminal], [], [], seconds)[0]:
            try:
                sent += os.read(self.terminal, 65536)
            except OSError:
                break
        return sent.decode("utf-8", "replace")

    def screen(self):
        """The screen, drawn again."""
        self.read(0.2)
        self.press(REDRAW)
        text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()][A-Z0-9]|\x1b[=>78]|[\x0e\x0f\x00]", " ", self.read(0.4))
        return re.sub(r"[ \r]*\n\s*|\s{2,}", "\n", text)

    def shows(self, words):
        """The screen, once these words are on it."""
        until = time.monotonic() + PATIENCE
        while True:
            screen = self.screen()
            if words in screen:
                return screen
            if time.monotonic() > until:
                raise SystemExit(f"lynx does not show {words!r} but:\n{screen}")

    def press(self, *keys):
        for key in keys:
            os.write(self.terminal, key)
            time.sleep(0.05)

    def fill(self, links, text):
        """Types into the field that comes after so many links, and presses the button behind it."""
        self.press(*[DOWN] * links, b"\x15", text.encode(), DOWN, ENTER)

    def close(self):
        self.press(b"Q")
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


def newest_code(inbox, number):
    """The newest code of a number, once it is there."""
    until = time.monotonic() + PATIENCE
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while time.monotonic() < until:
        with opener.open(f"{inbox}/_sim/messages?receptor={number}") as answer:
            messages = json.load(answer)
        if messages:
            return messages[0]["code"]
        time.sleep(0.1)
    raise SystemExit("no message has come")


def sign_up(url, inbox, language):
    sign_up_title, enter_the_code, wrong, ready = WORDS[language]
    number = f"0913{random.randrange(1_000_000, 9_999_999)}"
    with tempfile.TemporaryDirectory() as folder:
        lynx = Lynx(f"{url}/accounts/signup/", language, folder)
        lynx.shows(sign_up_title)
        lynx.fill(BEFORE, number)
        lynx.shows(enter_the_code)
        code = newest_code(inbox, number)
        # One more link: "change the number".
        lynx.fill(BEFORE + 1, code[:-1] + str((int(code[-1]) + 1) % 10))
        lynx.shows(wrong)
        lynx.fill(BEFORE + 1, code)
        screen = lynx.shows(ready)
        if f"{number[:4]} {number[4:7]} {number[7:]}" not in screen:
            raise SystemExit(f"it does not show whose account it is:\n{screen}")
        lynx.close()
    print(f"{language}: in, with one wrong code on the way; lynx shows:\n{screen.strip()}")


for language in WORDS:
    sign_up(*sys.argv[1:3], language)
