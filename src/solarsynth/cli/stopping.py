"""Ctrl+C and SIGTERM: one line, whatever runs at that moment, and exit 130 or 143.

This module imports nothing that takes time, so that it is there before an interrupt can come.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

MESSAGE = "solarsynth: interrupted; finished results are in the store, and the same command goes on from them"

#: Exit code of a command that Ctrl+C stopped: 128 and the number of the signal, as in shells.
INTERRUPTED = 128 + signal.SIGINT


class Stopping:
    """Whether a signal asked this process to stop.

    Libraries may turn what the signal raises into an error of their own. The signal tells what it was.

    Attributes
    ----------
    code : int
        Exit code of the signal that came; 0 if none did.
    """

    def __init__(self) -> None:
        self.code = 0

    def receive(self, number: int, frame: object) -> None:
        """Say that the command stops, and raise SystemExit; at the second signal end at once.

        It is SystemExit, since Python ends with a signal of its own if KeyboardInterrupt came while modules loaded.
        """
        if self.code:
            os._exit(self.code)
        self.code = 128 + number
        line = f"{MESSAGE}\n".encode()
        try:
            os.write(2, b"\n" + line if os.isatty(2) else line)  # sys.stderr may be in the middle of a write
            # What libraries print while they are torn down is no message to the user.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        except OSError:
            pass  # its reader is gone
        raise SystemExit(self.code)


@contextmanager
def stoppable() -> Iterator[Stopping]:
    """Let SIGINT and SIGTERM end the block, unless they are ignored, as in the background of a shell."""
    stopping, before = Stopping(), {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            if signal.getsignal(number) is not signal.SIG_IGN:
                before[number] = signal.signal(number, stopping.receive)
    except ValueError:
        pass  # not the main thread, which alone receives signals
    try:
        yield stopping
    except BaseException:
        if stopping.code:
            raise SystemExit(stopping.code) from None  # whatever a library made of it
        raise
    finally:
        if not stopping.code:  # else Python is about to end, and a further signal must not print a traceback
            for number, handler in before.items():
                signal.signal(number, signal.SIG_DFL if handler is None else handler)
