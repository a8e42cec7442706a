#!/usr/bin/env python3
"""Workers are killed (SIGKILL) while a matrix runs: at load, in prefill, in decode. The matrix ends, that engine's row failed by
name, every other row is whole, the exit code is that of docs/matrix.md, and no process, socket or shared memory is left.

    tests/kill_test.py ASSAY FAKE_WORKER MODEL.gguf

Always with the fake worker, installed as engines in an $ASSAY_HOME of its own; it hangs at the moment in question. And with
llama.cpp and MLX where the $ASSAY_HOME of the environment has them. ASSAY_KILL_MODEL: another model for these. ASSAY_SLOWER: by
how much this build's checks slow it.
"""
import hashlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import uuid

ASSAY, FAKE, MODEL = "", "", ""
PATIENCE_S = 120 * int(os.environ.get("ASSAY_SLOWER", "1"))
LINUX = sys.platform.startswith("linux")


def process_ids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def read(path, otherwise=b""):
    try:
        return pathlib.Path(path).read_bytes()
    except OSError:
        return otherwise


def status_of(pid):
    """(state, parent, seconds of CPU); None where it is gone."""
    text = read(f"/proc/{pid}/stat").decode(errors="replace")
    if not text:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return fields[0], int(fields[1]), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def kill(pid):
    if pid < 2:
        raise ValueError(f"process id {pid}")
    os.kill(pid, signal.SIGKILL)


class Matrix:
    """One `assay matrix`, whose descendants are known by a mark in their environment, whoever their parent is now."""

    def __init__(self, test, home, *arguments):
        self.mark = "ASSAY_KILL_TEST=" + uuid.uuid4().hex
        self.record = test.top / "record.json"
        self.record.unlink(missing_ok=True)
        self.errors = test.top / "stderr"
        self.shared_before = set(os.listdir("/dev/shm"))
        self.sockets_before = None
        name, value = self.mark.split("=")
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [ASSAY, "matrix", "--record", str(self.record), *map(str, arguments)],
                env={**os.environ, "ASSAY_HOME": str(home), name: value}, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=errors, text=True)
        test.addCleanup(self.end)
        self.test = test

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        for pid in self.descendants():
            kill(pid)

    def descendants(self):
        mark = self.mark.encode()
        return [pid for pid in process_ids()
                if pid != self.process.pid and mark in read(f"/proc/{pid}/environ").split(b"\0")]

    def wait_for(self, what, look, every_s=0.002):
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            found = look()
            if found:
                return found
            if self.process.poll() is not None:
                break
            time.sleep(every_s)
        return self.test.fail(f"{what} did not come; assay: {self.process.poll()}\n{self.errors.read_text()}")

    def workers(self, program):
        """The processes that run this program, as children of assay."""
        found = []
        for pid in self.descendants():
            words = read(f"/proc/{pid}/cmdline").split(b"\0")
            status = status_of(pid)
            if program.encode() in [os.path.basename(word) for word in words[:2]] and status and status[1] == self.process.pid:
                found.append(pid)
        return found

    def worker(self, program, but=()):
        """The first of them that is none of `but`, once it is there."""
        return self.wait_for(program, lambda: next((pid for pid in self.workers(program) if pid not in but), 0))

    def open_things(self):
        """(sockets, mappings of logits) that assay holds now."""
        sockets = 0
        for entry in os.listdir(f"/proc/{self.process.pid}/fd"):
            try:
                sockets += os.readlink(f"/proc/{self.process.pid}/fd/{entry}").startswith("socket:")
            except OSError:
                continue
        return sockets, read(f"/proc/{self.process.pid}/maps").count(b"assay-logits")

    def expect_gone(self):
        """Nobody is left to end them but themselves and the system: that may take a moment."""
        deadline = time.monotonic() + 20
        while self.descendants() and time.monotonic() < deadline:
            time.sleep(0.05)
        self.test.assertEqual(self.descendants(), [], "workers outlive assay")

    def finish(self, expected_code):
        out, _ = self.process.communicate(timeout=10 * PATIENCE_S)
        errors = self.errors.read_text(errors="replace")
        self.test.assertEqual(self.process.returncode, expected_code, out + errors)
        self.test.assertEqual(self.descendants(), [], "processes are left")
        deadline = time.monotonic() + 5  # of others' here
        while (left := set(os.listdir("/dev/shm")) - self.shared_before) and time.monotonic() < deadline:
            time.sleep(0.1)
        self.test.assertEqual(left, set(), "shared memory is left")
        return out, json.loads(self.record.read_text())["rows"]


@unittest.skipUnless(LINUX, "looks into /proc")
class Kills(unittest.TestCase):
    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.top = pathlib.Path(holder.name)
        self.rounds = 2

    def row_of(self, rows, engine):
        found = [row for row in rows if row["engine"] == engine]
        self.assertTrue(found, f"no row of {engine}")
        return found[0]

    def check(self, out, rows, killed, reason):
        """The row of the engine `killed` failed for this reason (a pattern), the others are whole, the table says all that."""
        for row in rows:
            if row["engine"] == killed:
                self.assertEqual(row["status"], "failed", row["reason"])
                self.assertRegex(row["reason"], reason)
                self.assertRegex(re.sub(r"\s+", " ", out), re.escape(f"{killed}: failed: "))
            else:
                self.assertEqual(row["status"], "ok", row["reason"])
                self.assertEqual(row["decode_tok_s"]["n"], self.rounds)
                self.assertIsNotNone(row["memory_peak_bytes"])
        self.row_of(rows, killed)


class Fake(Kills):
    """Three engines: direct, one that is killed, and one that is whole."""

    def setUp(self):
        super().setUp()
        self.home = self.top / "home"
        self.diary = self.top / "diary"
        info = subprocess.run([ASSAY, "models", "info", MODEL, "--json"], capture_output=True, text=True, check=True, timeout=60)
        self.vocab = json.loads(info.stdout)["config"]["vocab"]
        self.install("whole", "idle,slow-forward=5")

    def install(self, name, orders, grandchild=""):
        folder = self.home / "engines" / name / "1"
        (folder / "bin").mkdir(parents=True, exist_ok=True)
        program = folder / "bin" / f"worker-{name}"
        # A script that becomes the worker: its process is the one that assay started.
        program.write_text(f"#!/bin/sh\nexport ASSAY_FAKE_NAME={name} ASSAY_FAKE_MODEL='fake:vocab={self.vocab},{orders}'\n"
                           f"export ASSAY_FAKE_DIARY='{self.diary if name == 'killed' else os.devnull}'\n{grandchild}\n"
                           f"exec '{FAKE}' \"$@\"\n")
        program.chmod(0o755)
        (folder / "manifest.json").write_text(json.dumps({
            "format": 1, "name": name, "version": "1", "source": "the tests", "source_sha256": "", "commit": "", "flags": [],
            "devices": ["cpu"], "loads": ["gguf"], "worker": f"bin/{program.name}", "worker_build": "of the tests",
            "installed_unix_s": 0,
            "files": [{"path": f"bin/{program.name}", "sha256": hashlib.sha256(program.read_bytes()).hexdigest()}]}))

    def start(self, *more, engines="direct,killed,whole", parity=0):
        return Matrix(self, self.home, "--model", MODEL, "--engines", engines, "--prompt", 48, "--output", 4, "--rounds",
                      self.rounds, "--parity-positions", parity, *more)

    def pages(self):
        return self.diary.read_text().splitlines() if self.diary.exists() else []

    def kill_when(self, matrix, pages, last):
        """When the worker has written so many lines, the last of them being this one."""
        matrix.wait_for(last, lambda: len(self.pages()) >= pages)
        pid = matrix.worker(os.path.basename(FAKE))
        self.assertEqual((len(self.pages()), self.pages()[-1]), (pages, last))
        kill(pid)

    def test_at_load(self):
        self.install("killed", "hang-at-load")
        matrix = self.start()
        self.kill_when(matrix, 1, "load")
        self.check(*matrix.finish(0), "killed", "killed: worker-killed in load: ended with signal 9 ")

    def test_in_parity(self):
        self.install("killed", "idle,hang-at-forward=0")
        matrix = self.start(engines="direct,killed", parity=4)
        matrix.wait_for("the text", lambda: len(self.pages()) >= 2)
        kill(matrix.worker(os.path.basename(FAKE)))
        out, rows = matrix.finish(0)
        self.check(out, rows, "killed", "in its first request: .* ended with signal 9 ")
        self.assertEqual(self.row_of(rows, "direct")["parity"]["top1"], 1)
        self.assertIn("ended with signal 9", self.row_of(rows, "killed")["parity_reason"])

    def test_in_the_first_request(self):
        for forward, slots in ((0, 32), (1, 1)):  # prefill, decode
            self.diary.unlink(missing_ok=True)
            self.install("killed", f"idle,hang-at-forward={forward}")
            matrix = self.start("--cached")
            self.kill_when(matrix, 2 + forward, f"forward {slots}")
            out, rows = matrix.finish(0)
            self.assertEqual([row["prompts"] for row in rows if row["engine"] == "killed"], ["fresh", "cached"])
            self.check(out, rows, "killed", "in its first request: .* in forward: ended with signal 9 |the engine failed before")

    def test_in_a_round(self):
        # Two requests of 32 and 4 tokens come first, then the cold round of 48 and 4; so round 1 begins with the 13th.
        for forward, slots in ((12, 48), (14, 1)):  # prefill, decode
            self.diary.unlink(missing_ok=True)
            self.install("killed", f"idle,hang-at-forward={forward}")
            matrix = self.start("--sweep-context", 16, "--sweep-streams", 2)
            self.kill_when(matrix, 2 + forward, f"forward {slots}")
            # While the others go on, nothing of it is there: what is left are the sockets and memories of "direct" and "whole".
            matrix.wait_for("the end of the killed worker", lambda: matrix.open_things() == (2, 2))
            self.assertEqual(len(matrix.descendants()), 2)
            out, rows = matrix.finish(0)
            self.check(out, rows, "killed", re.escape(
                "in round 1: engine lost: killed 1 (cpu): worker-killed in forward: ended with signal 9 (killed)"))
            killed = self.row_of(rows, "killed")
            self.assertIsNotNone(killed["cold_round"])
            self.assertEqual(killed["context_sweep"][0]["reason"], "the engine failed before")

    def test_direct_whose_process_is_its_own(self):
        matrix = self.start(engines="direct,whole")
        kill(matrix.worker(os.path.basename(ASSAY)))  # at whatever it is doing
        self.check(*matrix.finish(0), "direct", "ended with signal 9 ")

    def test_with_a_child_of_its_own(self):
        self.install("killed", "idle,hang-at-forward=1", grandchild="sleep 600 &")
        matrix = self.start()
        matrix.wait_for("decode", lambda: len(self.pages()) >= 3)
        self.assertEqual(len([pid for pid in matrix.descendants() if read(f"/proc/{pid}/comm") == b"sleep\n"]), 1)
        self.kill_when(matrix, 3, "forward 1")
        self.check(*matrix.finish(0), "killed", "in its first request: .* ended with signal 9 ")

    def test_the_only_engine(self):
        self.install("killed", "idle,hang-at-forward=1")
        matrix = self.start(engines="killed")
        self.kill_when(matrix, 3, "forward 1")
        self.check(*matrix.finish(4), "killed", "in its first request: .* ended with signal 9 ")

    def test_interrupted(self):
        # It ends soon and says so, a worker that hangs or not; a second signal that comes before that ends it on the spot.
        for orders, times in (("idle,slow-forward=50", 1), ("idle,hang-at-forward=1", 2)):
            self.diary.unlink(missing_ok=True)
            self.install("killed", orders)
            matrix = self.start()
            matrix.wait_for("decode", lambda: len(self.pages()) >= 3)
            for _ in range(times):
                matrix.process.send_signal(signal.SIGINT)
                time.sleep(0.2)
            matrix.process.communicate(timeout=PATIENCE_S)
            self.assertIn(matrix.process.returncode, (1,) if times == 1 else (1, -signal.SIGINT), matrix.errors.read_text())
            matrix.expect_gone()
            if matrix.record.exists():  # rounds had begun
                self.assertTrue(json.loads(matrix.record.read_text())["unfinished"])
                matrix.record.unlink()

    def test_assay_itself(self):
        self.install("killed", "idle,hang-at-forward=1")
        matrix = self.start()
        matrix.wait_for("decode", lambda: len(self.pages()) >= 3)
        matrix.process.kill()
        matrix.process.communicate(timeout=PATIENCE_S)
        matrix.expect_gone()


@unittest.skipUnless("ASSAY_HOME" in os.environ, "ASSAY_HOME names no folder with installed engines")
class Real(Kills):
    """llama.cpp and MLX as installed."""

    ENGINES = {"llama.cpp": "assay-worker-llama", "mlx": "assay-worker-mlx"}
    WAYS = {"llama.cpp": 2}  # with flash attention and without: a row fails where both do

    def setUp(self):
        super().setUp()
        self.rounds = 1
        self.model = os.environ.get("ASSAY_KILL_MODEL", MODEL)
        listed = subprocess.run([ASSAY, "engines", "--json"], capture_output=True, text=True, check=True, timeout=60)
        self.installed = {engine["name"] for engine in json.loads(listed.stdout)["engines"]} & set(self.ENGINES)
        if not self.installed:
            self.skipTest("neither llama.cpp nor mlx is installed in ASSAY_HOME")

    def start(self, prompt, output):
        return Matrix(self, os.environ["ASSAY_HOME"], "--model", self.model, "--engines", ",".join(["direct", *sorted(self.installed)]),
                      "--prompt", prompt, "--output", output, "--rounds", self.rounds, "--budget", "1h",
                      "--parity-positions", 0)

    def kill_each(self, prompt, output, moment, doing):
        for engine in sorted(self.installed):
            with self.subTest(engine):
                matrix = self.start(prompt, output)
                killed = []
                for _ in range(self.WAYS.get(engine, 1) if doing == "load" else 1):  # one after the other
                    killed.append(matrix.worker(self.ENGINES[engine], killed))
                    moment(matrix, killed[-1])
                    kill(killed[-1])
                for pid in matrix.workers(self.ENGINES[engine]):  # the other way, which computes in turns with it
                    if doing != "load" and pid not in killed:
                        kill(pid)
                out, rows = matrix.finish(0)
                self.check(out, rows, engine, f"{self.ENGINES[engine]} in {doing}: ended with signal 9 ")
                print(f"{engine}, {prompt} and {output} tokens: {self.row_of(rows, engine)['reason']}", file=sys.stderr)

    def test_at_load(self):
        def loading(matrix, pid):  # the model is mapped or open, and nothing computed yet
            name = os.path.basename(self.model).encode()
            def look():
                links = b""
                for entry in os.listdir(f"/proc/{pid}/fd"):
                    try:
                        links += os.readlink(f"/proc/{pid}/fd/{entry}").encode()
                    except OSError:
                        continue
                return name in links or name in read(f"/proc/{pid}/maps")
            matrix.wait_for("the model in the worker", look, 0.0005)
        self.kill_each(32, 8, loading, "load")

    def computing(self, least_s):
        """Runs on a CPU right now, least_s seconds after it was loaded and idle."""
        def moment(matrix, pid):
            def resting():
                before = status_of(pid)
                time.sleep(0.3)
                after = status_of(pid)
                return before and after and after[2] - before[2] < 0.02 and before[2]
            loaded_s = matrix.wait_for("its rest behind loading", resting)
            matrix.wait_for("work", lambda: (status := status_of(pid)) and status[2] - loaded_s > least_s and self.runs(pid))
        return moment

    @staticmethod
    def runs(pid):
        def states():
            return [read(path / "stat").rpartition(b")")[2].split()[:1] for path in pathlib.Path(f"/proc/{pid}/task").iterdir()]
        return [b"R"] in states()

    def test_in_prefill(self):
        self.kill_each(960, 2, self.computing(1.0), "forward")

    def test_in_decode(self):
        self.kill_each(2, 400, self.computing(1.0), "forward")


if __name__ == "__main__":
    ASSAY, FAKE, MODEL = (os.path.abspath(sys.argv.pop(1)) for _ in range(3))
    unittest.main(verbosity=1)
