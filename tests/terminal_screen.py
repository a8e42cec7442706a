"""A terminal for tests: a program on a pseudo-terminal, and what an emulator (pyte) shows of it."""
import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte

PATIENCE_S = 20 * int(os.environ.get("ASSAY_SLOWER", "1"))


class Emulator(pyte.HistoryScreen):
    def draw(self, data):
        # pyte drops what follows a joiner within one piece; a terminal does not.
        for character in data:
            super().draw(character)


class Screen:
    """Runs argv on a terminal of its own. answers: the emulator answers when it is asked where the cursor is."""

    def __init__(self, argv, env=None, rows=24, columns=80, answers=False):
        self.screen = Emulator(columns, rows, history=10000, ratio=0.001)
        self.stream = pyte.ByteStream(self.screen)
        self.raw = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # Python ignores it, and what is ignored is inherited
            os.execvpe(argv[0], [str(word) for word in argv], {**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", **(env or {})})
        if answers:
            self.screen.write_process_input = lambda text: os.write(self.fd, text.encode())
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.code = None

    def read(self, seconds=0.05):
        """Takes what is there within so long; False once the program has closed the terminal."""
        if not select.select([self.fd], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.raw += data
        self.stream.feed(data)
        return bool(data)

    def lines(self):
        """What is shown, rows without their trailing spaces; what was scrolled out of sight stands first."""
        gone = ["".join(row[x].data for x in range(self.screen.columns)).rstrip() for row in self.screen.history.top]
        shown = [row.rstrip() for row in self.screen.display]
        while shown and not shown[-1]:
            shown.pop()
        return gone + shown

    def text(self):
        return "\n".join(self.lines())

    def until(self, holds, what):
        """Waits until holds(self.text()); the screen is in the message where it never does."""
        end = time.monotonic() + PATIENCE_S
        while not holds(self.text()):
            if time.monotonic() > end or not self.read():
                if not holds(self.text()):
                    raise AssertionError(f"never came: {what}\n{self.text()}\n{self.raw[-500:]!r}")
        return self.text()

    def until_shown(self, words):
        return self.until(lambda text: words in text, words)

    def until_behind(self, words):
        """Waits until something stands on a line behind the last one that ends with these words."""
        return self.until(lambda text: text.rpartition(words + "\n")[1] and text.rpartition(words + "\n")[2].strip(), f"text behind {words}")

    def taken(self):
        """Waits until the program has read all that was sent, and shows what it wrote by then: so that what is sent next
        does not arrive together with it."""
        end = time.monotonic() + PATIENCE_S
        while True:
            self.read(0.02)
            try:
                terminal = os.open(os.readlink(f"/proc/{self.pid}/fd/0"), os.O_RDONLY | os.O_NOCTTY)
            except OSError:  # it has ended, or this system has no such folder
                return
            try:
                waiting = struct.unpack("i", fcntl.ioctl(terminal, termios.FIONREAD, b"\0" * 4))[0]
            finally:
                os.close(terminal)
            if waiting == 0:
                return
            if time.monotonic() > end:
                raise AssertionError(f"does not read its input\n{self.text()}")

    def until_signals(self):
        """Waits until ctrl-C is a signal to the program, as it is once a line was taken, and no key."""
        self.until(lambda _: termios.tcgetattr(self.fd)[3] & termios.ISIG, "keys that are signals")

    def send(self, data):
        os.write(self.fd, data.encode() if isinstance(data, str) else data)

    def resize(self, rows, columns):
        self.screen.resize(rows, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def echoes(self):
        flags = termios.tcgetattr(self.fd)[3]
        return bool(flags & termios.ECHO) and bool(flags & termios.ICANON)

    def ended(self):
        """The exit code, negative for a signal; waits for it."""
        end = time.monotonic() + PATIENCE_S
        while self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
                while self.raw and self.read(0) and select.select([self.fd], [], [], 0)[0]:
                    pass  # what it wrote last
            elif time.monotonic() > end:
                raise AssertionError(f"does not end\n{self.text()}")
            else:
                self.read()
        return self.code

    def close(self):
        if self.code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            os.waitpid(self.pid, 0)
        os.close(self.fd)
