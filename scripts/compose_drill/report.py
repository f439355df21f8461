"""The table of checks."""

import sys
import time


class Report:
    def __init__(self):
        self.began = time.monotonic()
        self.rows = []

    def say(self, text):
        print(f"[{time.monotonic() - self.began:5.0f}s] {text}", flush=True)

    def check(self, name, passed, note=""):
        self.rows.append(("ok" if passed else "FAILED", name, note))
        self.say(f"{'ok    ' if passed else 'FAILED'} {name}{': ' + note if note else ''}")

    def note(self, name, note):
        self.rows.append(("note", name, note))
        self.say(f"note   {name}: {note}")

    def finish(self):
        """Prints the table; tells whether everything passed."""
        failed = sum(result == "FAILED" for result, *_ in self.rows)
        checks = sum(result != "note" for result, *_ in self.rows)
        width = max((len(name) for _, name, _ in self.rows), default=0)
        print()
        for result, name, note in self.rows:
            print(f"  {result:7}{name:{width}}  {note}".rstrip())
        took = time.monotonic() - self.began
        print(f"\n  {checks} checks, {failed} failed, {took // 60:.0f}m {took % 60:02.0f}s in all")
        sys.stdout.flush()
        return checks > 0 and failed == 0
