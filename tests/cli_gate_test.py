#!/usr/bin/env python3
"""Comparing as a gate, bounds on time and loss: what `assay matrix` and `assay run` refuse before they work, what an interrupt
leaves behind, and that no file is lost.

    tests/cli_gate_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

ASSAY, MODEL = "", ""
SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))
BRIEF = ["--prompt", 32, "--output", 8, "--rounds", 6, "--parity-positions", 0, "--engines", "direct"]


def assay(*arguments, text=None, env=None, timeout=300):
    """(exit code, stdout, stderr); stdin is empty where no text is given."""
    given = {"input": text} if text is not None else {"stdin": subprocess.DEVNULL}
    done = subprocess.run([ASSAY, *map(str, arguments)], capture_output=True, timeout=timeout * SLOWER,
                          env={**os.environ, "ASSAY_HOME": str(HOME), **(env or {})}, **given)
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class Case(unittest.TestCase):
    def refused(self, code, words, *arguments, **more):
        begin = time.monotonic()
        got, out, err = assay(*arguments, **more)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err, arguments)
        self.assertNotIn("measuring", err)
        return time.monotonic() - begin

    def record(self, name, change=None):
        """A record of the shipped model, measured once, with what `change` does to it."""
        if not Case.measured:
            path = HOME / "measured.json"
            code, out, err = assay("matrix", "--model", MODEL, *BRIEF, "--record", path)
            self.assertEqual(code, 0, out + err)
            Case.measured = json.loads(path.read_text())
        matrix = json.loads(json.dumps(Case.measured))
        if change:
            change(matrix)
        path = HOME / name
        path.write_text(json.dumps(matrix))
        return path

    measured = None


def speed(factor, spread=0.002):
    """Rounds whose decode takes `factor` times as long."""
    def change(matrix):
        for row in matrix["rows"]:
            for i, timing in enumerate(row["rounds"]):
                each = factor * (1 + spread * (i - 2.5))
                timing["first_ns"] = timing["sent_ns"] + int(50e6 * each)
                timing["last_ns"] = timing["first_ns"] + int(70e6 * each)
    return change


class Compare(Case):
    def compare(self, *arguments):
        code, out, err = assay("matrix", "--compare", *arguments, "--json")
        return code, json.loads(out)

    def test_a_slower_run_differs_and_fails_a_gate(self):
        a, b = self.record("a.json", speed(1)), self.record("b.json", speed(1.2))
        code, out, err = assay("matrix", "--compare", a, b)
        self.assertEqual(code, 0, err)
        self.assertIn("differs between these two runs", out)
        self.assertNotIn("WORSE", out)
        code, out, err = assay("matrix", "--compare", a, b, "--fail-on", "decode_tok_s")
        self.assertEqual(code, 1)
        self.assertIn("--fail-on: direct decode_tok_s", err)
        self.assertIn("lower between these two runs", err)
        code, _, err = assay("matrix", "--compare", b, a, "--fail-on", "decode_tok_s,ttft_ms,memory_peak_bytes")
        self.assertEqual(code, 0, err)

    def test_several_runs_a_side_say_worse(self):
        before = [self.record(f"before{i}.json", speed(1 + 0.004 * i)) for i in range(3)]
        after = [self.record(f"after{i}.json", speed(1.2 + 0.004 * i)) for i in range(3)]
        sides = [",".join(map(str, side)) for side in (before, after)]
        code, out, err = assay("matrix", "--compare", *sides, "--fail-on", "decode_tok_s")
        self.assertEqual(code, 1, err)
        self.assertIn("WORSE", out)
        code, compared = self.compare(*sides)
        self.assertEqual((code, compared["records"]), (0, 3))
        verdicts = {c["metric"]: c["verdict"] for c in compared["changes"]}
        self.assertEqual(verdicts["decode_tok_s"], "worse")
        self.refused(1, ["2 and 3 records", "at least 3 a side"], "matrix", "--compare", ",".join(map(str, before[:2])), sides[1])
        self.refused(1, ["named twice"], "matrix", "--compare", f"{before[0]},{before[0]},{before[1]}", sides[1])
        self.refused(2, ["missing.json"], "matrix", "--compare", f"{before[0]},{HOME}/missing.json,{before[1]}", sides[1])

    def test_what_is_not_known_fails_a_gate(self):
        a = self.record("a.json", speed(1))

        def other_lengths(matrix):
            speed(1)(matrix)
            for row in matrix["rows"]:
                row["output_tokens"] = 7
        b = self.record("b.json", other_lengths)
        code, compared = self.compare(a, b)
        self.assertEqual({c["verdict"] for c in compared["changes"]}, {"unknown"})
        for metric in ("decode_tok_s", "memory_peak_bytes"):
            code, _, err = assay("matrix", "--compare", a, b, "--fail-on", metric)
            self.assertEqual(code, 1, metric)
            self.assertIn("requests of other lengths", err)

        def gone(matrix):
            matrix["rows"] = []
        code, _, err = assay("matrix", "--compare", a, self.record("gone.json", gone), "--fail-on", "decode_tok_s")
        self.assertEqual(code, 1)
        self.assertIn("row direct: only in the first", err)

        def broke(matrix):
            matrix["rows"][0].update(status="failed", reason="in round 1: crashed", rounds=[])
        code, _, err = assay("matrix", "--compare", a, self.record("broke.json", broke), "--fail-on", "ttft_ms")
        self.assertEqual(code, 1)
        self.assertIn("no longer measured", err)

    def test_noise_is_not_called_same(self):
        a, b = self.record("a.json", speed(1, 0.1)), self.record("b.json", speed(1.02, 0.1))
        _, out, _ = assay("matrix", "--compare", a, b)
        self.assertIn("no difference shown; nothing below", out)
        self.assertIn("can be seen", out)
        code, _, _ = assay("matrix", "--compare", a, b, "--fail-on", "decode_tok_s")
        self.assertEqual(code, 0)
        code, _, err = assay("matrix", "--compare", a, b, "--fail-on", "decode_tok_s", "--see", 5)
        self.assertEqual(code, 1)
        self.assertIn("cannot be seen", err)
        _, compared = self.compare(a, b, "--tolerance", "500")
        self.assertEqual({c["verdict"] for c in compared["changes"] if c["metric"] != "parity"}, {"same"})

    def test_other_machines_and_settings_are_said(self):
        def other(matrix):
            speed(1)(matrix)
            matrix["machine"]["chip"] = "another chip"
            matrix["artifact"]["sha256"] = "ff"
            matrix["environment"]["governor"] = "powersave"
        _, out, _ = assay("matrix", "--compare", self.record("a.json", speed(1)), self.record("b.json", other))
        for word in ("machine.chip", "artifact.sha256", "environment.governor"):
            self.assertIn(f"differs: {word}", out)

    def test_metrics_that_are_none(self):
        a = self.record("a.json")
        self.refused(1, ['"speed"', "decode_tok_s"], "matrix", "--compare", a, a, "--fail-on", "speed")


class RequireAll(Case):
    def test_an_engine_that_gave_no_row_is_named_and_fails_with_require_all(self):
        code, out, err = assay("matrix", "--model", MODEL, *BRIEF[:-1], "direct,mlx", "--no-record")
        self.assertEqual(code, 0, err)
        self.assertIn("measured on 1 engine; refused: mlx", err)
        code, _, err = assay("matrix", "--model", MODEL, *BRIEF[:-1], "direct,mlx", "--no-record", "--require-all")
        self.assertEqual(code, 4, err)

        def failed(matrix):
            matrix["rows"].append({**matrix["rows"][0], "engine": "mlx", "status": "failed", "reason": "crashed"})
        record = self.record("failed.json", failed)
        self.assertEqual(assay("matrix", "--from", record)[0], 0)
        self.assertEqual(assay("matrix", "--from", record, "--require-all")[0], 4)


class Bounds(Case):
    def test_engines_that_are_none_are_a_usage_error_before_anything(self):
        took = self.refused(2, ['engine foo', "direct", "llama.cpp", "mlx"], "matrix", "--model", MODEL, "--engines", "foo")
        self.refused(2, ["engine foo"], "matrix", "--engines", "direct,foo")
        self.refused(1, ["named twice"], "matrix", "--engines", "direct,direct")
        self.refused(2, ["assay engines install mlx"], "matrix", "--engines", "mlx")
        self.refused(1, ["mlx@", "NAME@VERSION"], "matrix", "--engines", "direct,mlx@")
        self.assertFalse((HOME / "records").exists() and any("foo" in p.name for p in (HOME / "records").iterdir()))

    def test_lengths_beyond_the_training_are_refused_before_anything_is_loaded(self):
        for lengths, words in (
                (["--sweep-context", 99999], ["--sweep-context 99999", "1024", "trained on"]),
                (["--sweep-context", "512,2048,4096"], ["--sweep-context 2048", "--sweep-context 4096"]),
                (["--context", 99999], ["--context is 99999", "1024"]),
                (["--prompt", 2000, "--sweep-context", 3000], ["--prompt 2000 with --output 64", "--sweep-context 3000"]),
                (["--prompt", 100, "--context", 128], ["--prompt 100", "128"]),
                (["--output", 1024], ["--output 1024"])):
            self.refused(1, words, "matrix", "--model", MODEL, "--engines", "direct", *lengths)
        self.refused(1, ["--sweep-context 99999", "40960"], "matrix", "--shape", "qwen3-0.6b", "--sweep-context", 99999)
        self.assertFalse((HOME / "cache").exists(), "nothing was synthesized for it")
        self.refused(1, ["--context is 4096", "1024"], "run", "hi", "--model", MODEL, "--context", 4096)
        self.refused(1, ["--context is 4096"], "parity", "--model", MODEL, "--context", 4096)

    def test_numbers_out_of_range_name_the_option(self):
        for option, value in (("--rounds", 0), ("--rounds", 200000), ("--prompt", 0), ("--output", 1), ("--sweep-context", 0),
                              ("--sweep-streams", 0), ("--sweep-streams", 5000), ("--budget", "0"), ("--budget", "soon"),
                              ("--budget", "-1"), ("--soak", "99999h"), ("--arrivals", "poisson:0"), ("--arrivals", "x"),
                              ("--parity-budget", "x"), ("--upstream-wait", "2h")):
            more = ["--upstream", "ollama"] if option == "--upstream-wait" else []
            self.refused(2, [option], "matrix", "--model", MODEL, option, value, *more)

    def test_an_option_that_would_be_ignored_is_refused(self):
        record = self.record("a.json")
        values = {"--model": MODEL, "--context": 64, "--threads": 1, "--batch": 8, "--kv": "f16", "--shape": "qwen3-0.6b",
                  "--config": "c.json", "--quant": "q4_0", "--engines": "direct", "--upstream": "ollama",
                  "--upstream-key-file": "k", "--upstream-key-env": "K", "--upstream-wait": "5s", "--prompt": 8,
                  "--output": 8, "--rounds": 6, "--seed": 1, "--budget": "5s", "--cached": None, "--sweep-context": 8,
                  "--sweep-streams": 1, "--sweep-rounds": 2, "--soak": "1s", "--arrivals": 1, "--arrivals-for": "1s",
                  "--parity-positions": 1, "--parity-budget": "1s", "--csv": HOME / "x.csv", "--html": HOME / "x.html",
                  "--markdown": HOME / "x.md", "--record": HOME / "x.json", "--no-record": None, "--force": None,
                  "--require-all": None, "--fail-on": "decode_tok_s", "--tolerance": 1, "--see": 1,
                  "--repeat": record, "--resume": record, "--from": record, "--compare": None}
        _, out, _ = assay("matrix", "--help")
        known = set(re.findall(r"(--[a-z][a-z-]+)", out.split("Example")[0])) - {"--help", "--json", "--color"}
        self.assertEqual(known - set(values), set(), "every option of the help is in this table")
        outputs = {"--csv", "--html", "--markdown", "--force"}
        obeyed = {
            "--repeat": outputs | {"--engines", "--upstream", "--upstream-key-file", "--upstream-key-env", "--upstream-wait",
                                   "--record", "--no-record", "--require-all"},
            "--resume": outputs | {"--upstream-key-file", "--upstream-key-env", "--upstream-wait", "--record", "--require-all"},
            "--from": outputs | {"--require-all"},
            "--compare": {"--fail-on", "--tolerance", "--see"}}
        modes = {mode: [mode, record] for mode in obeyed} | {"--compare": ["--compare", record, record]}
        self.assertLessEqual(set(modes), known)
        for mode, command in modes.items():
            for option in sorted(known - obeyed[mode] - set(modes)):
                with self.subTest(mode=mode, option=option):
                    value = [] if values[option] is None else [values[option]]
                    code, out, err = assay("matrix", *command, option, *value)
                    self.assertEqual(code, 2, out + err)
                    self.assertIn(option, err)
        for path in ("x.csv", "x.html", "x.md", "x.json"):
            self.assertFalse((HOME / path).exists())
        for alone, needs in ((["--quant", "q4_0"], "--shape"), (["--sweep-rounds", 3], "--sweep-context"),
                             (["--arrivals-for", "5s"], "--arrivals"), (["--upstream-wait", "5s"], "--upstream"),
                             (["--upstream-key-env", "K"], "--upstream"),
                             (["--parity-budget", "5s", "--parity-positions", 0], "--parity-positions"),
                             (["--fail-on", "decode_tok_s"], "--compare"), (["--tolerance", 1], "--compare")):
            self.refused(2, [alone[0], needs], "matrix", "--model", MODEL, *alone)

    def test_a_setting_of_run_that_changes_nothing_is_refused(self):
        run = ("run", "hi", "--model", MODEL, "--max-tokens", 1)
        for idle, needs in ((["--top-k", 3], "--temp"), (["--top-p", 0.5], "--temp"),
                            (["--min-p", 0.5], "--temp"), (["--penalty-window", 5], "a penalty"),
                            (["--dry-base", 2], "--dry-multiplier"), (["--dry-allowed-length", 3], "--dry-multiplier"),
                            (["--xtc-threshold", 0.2], "--xtc-probability"), (["--mirostat-tau", 3], "--mirostat"),
                            (["--mirostat-eta", 0.2], "--mirostat")):
            self.refused(2, [f"{idle[0]} {idle[1]}", needs], *run, *idle)
        for used in (["--seed", 5], ["--top-k", 3, "--temp", 1],
                     ["--penalty-window", 5, "--repetition-penalty", 1.1]):
            self.assertEqual(assay(*run, *used)[0], 0, used)

    def test_repeat_obeys_engines(self):
        record = self.record("a.json")
        code, out, err = assay("matrix", "--repeat", record, "--engines", "mlx")
        self.assertEqual(code, 2, "mlx is not installed here, and direct is not what was asked for")
        self.assertIn("mlx", err)


class Outputs(Case):
    def test_nothing_is_written_over_without_force(self):
        kept = HOME / "kept.txt"
        kept.write_text("mine\n")
        for option in ("--record", "--html", "--csv", "--markdown"):
            self.refused(1, [option, str(kept), "--force"], "matrix", "--model", MODEL, *BRIEF, option, kept)
            self.assertEqual(kept.read_text(), "mine\n")
        record = self.record("a.json")
        for option in ("--html", "--csv", "--markdown"):
            self.refused(1, [option, "--force"], "matrix", "--from", record, option, kept)
        self.assertEqual(assay("matrix", "--from", record, "--csv", kept, "--force")[0], 0)
        self.assertIn("engine", kept.read_text())
        self.assertEqual(assay("matrix", "--from", record, "--csv", "/dev/stdout")[0], 0)

    def test_the_record_that_is_read_is_never_lost(self):
        record = self.record("a.json")
        before = record.read_bytes()
        for more in ([], ["--force"]):
            self.refused(1, ["is the record that is read"], "matrix", "--repeat", record, "--record", record, *more)
            self.refused(1, ["is the record that is read"], "matrix", "--from", record, "--html", record, *more)
            self.refused(2, ["--record"], "matrix", "--compare", record, record, "--record", record, *more)
        link = HOME / "link.json"
        link.symlink_to(record)
        self.refused(1, ["is the record that is read"], "matrix", "--repeat", record, "--record", link, "--force")
        self.assertEqual(record.read_bytes(), before)

    def test_two_outputs_are_not_one_file(self):
        self.refused(1, ["both"], "matrix", "--model", MODEL, *BRIEF, "--csv", HOME / "one", "--html", HOME / "one")


class Prompts(Case):
    def run_tokens(self, *arguments, text=None):
        code, out, err = assay("run", *arguments, "--model", MODEL, "--raw", "--max-tokens", 2, "--json", text=text)
        self.assertEqual(code, 0, out + err)
        return json.loads(out)["usage"]["prompt_tokens"]

    def test_stdin_and_files_are_put_behind_the_prompt(self):
        (HOME / "one.txt").write_text("The first file.\n")
        (HOME / "two.txt").write_text("The second file.")
        whole = self.run_tokens("Summarise:\nThe first file.\nThe second file.\nAnd more.")
        self.assertEqual(whole, self.run_tokens("Summarise:", "--file", HOME / "one.txt", "--file", HOME / "two.txt",
                                                text=b"And more."))
        alone = self.run_tokens("The first file.\n")
        self.assertEqual(alone, self.run_tokens("--file", HOME / "one.txt"))
        self.assertEqual(alone, self.run_tokens("-", text=b"The first file.\n"))
        self.assertEqual(alone, self.run_tokens(text=b"The first file.\n"))
        self.assertEqual(self.run_tokens("Summarise:"), self.run_tokens("Summarise:", text=b""))

    def test_refusals(self):
        (HOME / "empty.txt").write_bytes(b"")
        (HOME / "bad.txt").write_bytes(b"good \xff bad")
        run = ("run", "--model", MODEL)
        self.refused(1, ["--file", "empty.txt", "is empty"], *run, "--file", HOME / "empty.txt")
        self.refused(1, ["bad.txt", "byte 6", "0xFF", "UTF-8"], *run, "hi", "--file", HOME / "bad.txt")
        self.refused(1, ["stdin", "byte 1", "0xC3"], *run, "hi", text=b"\xc3(")
        self.refused(1, ["stdin is empty"], *run, "-", text=b"")
        self.refused(1, ["stdin is empty"], *run, text=b"")
        self.refused(1, ["no prompt"], *run)
        self.refused(1, ["the prompt is empty"], *run, "")
        self.refused(2, ["--file", "nowhere.txt"], *run, "--file", HOME / "nowhere.txt")
        self.refused(1, ["--file"], *run, "--file", HOME)
        self.refused(1, ["prompt has", "context holds 1024"], *run, text=b"many words " * 3000)
        self.refused(1, ["stdin", "64 MiB"], *run, text=b"x" * (64 * 1024 * 1024 + 1))

    def test_a_closed_stdin_is_no_prompt_and_no_error(self):
        command = f'"{ASSAY}" run hello --model "{MODEL}" --max-tokens 1 <&-'
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=120 * SLOWER)
        self.assertEqual(done.returncode, 0, done.stderr)


class Watched:
    """A command with a terminal on stderr, whose progress is read as it comes."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL):
        ours, theirs = pty.openpty()
        self.process = subprocess.Popen([ASSAY, *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE, stderr=theirs,
                                        env={**os.environ, "ASSAY_HOME": str(HOME)})
        os.close(theirs)
        self.seen = b""
        self.said = threading.Condition()
        self.reader = threading.Thread(target=self.read, args=(ours,), daemon=True)
        self.reader.start()

    def read(self, descriptor):
        while True:
            try:
                piece = os.read(descriptor, 4096)
            except OSError:  # the terminal's other end is closed
                piece = b""
            with self.said:
                self.seen += piece
                self.said.notify_all()
            if not piece:
                os.close(descriptor)
                return

    def wait_for(self, word):
        with self.said:
            return self.said.wait_for(lambda: word in self.seen or not self.reader.is_alive(), 120 * SLOWER) and word in self.seen

    def stop(self, number):
        """(exit code, what it said, seconds until it had ended)."""
        begin = time.monotonic()
        self.process.send_signal(number)
        out = self.process.communicate(timeout=60 * SLOWER)[0]
        took = time.monotonic() - begin
        self.reader.join()
        return self.process.returncode, self.seen.decode(errors="replace"), took, out


class Interrupts(Case):
    """Each long step ends soon when asked to; how soon is measured by hand, here only that it does not go on."""

    @classmethod
    def setUpClass(cls):
        # One matrix of the head takes part of a second, and so does each layer; the file is hashed for longer than nothing is shown.
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 1024, "num_hidden_layers": 10,
                  "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64, "intermediate_size": 24576,
                  "vocab_size": 1000, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 8192,
                  "hidden_act": "silu", "tie_word_embeddings": False}
        (HOME / "shape").mkdir(exist_ok=True)
        (HOME / "shape" / "config.json").write_text(json.dumps(config))
        cls.big = HOME / "big.gguf"
        code, out, err = assay("models", "synth", "--config", HOME / "shape" / "config.json", "--quant", "q4_0", "--out", cls.big)
        assert code == 0, out + err

    def ends(self, words, *arguments, number=signal.SIGTERM, said="cancelled", **more):
        run = Watched(*arguments, **more)
        self.assertTrue(run.wait_for(words), f"{arguments}: {run.seen}")
        code, err, took, _ = run.stop(number)
        self.assertEqual(code, 1, f"{arguments} after {words}: {err}")
        self.assertIn(said, err)
        self.assertLess(took, 20 * SLOWER, f"{arguments} after {words}: {err}")
        left = [str(p) for p in HOME.rglob("*") if ".partial" in p.name or ".tmp" in p.name or p.name.startswith(".")]
        self.assertEqual(left, [])
        return err

    def test_a_matrix_while_it_loads_hashes_and_compares_logits(self):
        for number, word in ((signal.SIGINT, b"hashing"), (signal.SIGTERM, b"loading"), (signal.SIGTERM, b"reference")):
            # Short requests: the reference is made behind the first one.
            self.ends(word, "matrix", "--model", self.big, "--engines", "direct", "--no-record", "--parity-budget", "10m",
                      "--prompt", 8, "--output", 2, number=number)

    def test_a_matrix_within_one_long_prefill(self):
        run = Watched("matrix", "--model", self.big, "--engines", "direct", "--no-record", "--parity-positions", 0, "--prompt",
                      8000, "--output", 8, "--budget", "1h", "--rounds", 6)
        self.assertTrue(run.wait_for(b"measuring"), run.seen)
        code, err, took, _ = run.stop(signal.SIGTERM)
        self.assertEqual(code, 1, err)
        self.assertLess(took, 20 * SLOWER, err)

    def test_a_matrix_before_anything(self):
        run = Watched("matrix", "--model", MODEL, "--engines", "direct", "--no-record")
        while not os.path.exists(f"/proc/{run.process.pid}/exe") or not os.readlink(f"/proc/{run.process.pid}/exe").endswith("assay"):
            time.sleep(0.001)
        time.sleep(0.3)  # into the second in which the idle machine is looked at
        code, err, took, _ = run.stop(signal.SIGTERM)
        self.assertIn(code, (1, -signal.SIGTERM), err)  # the latter: the signal came before anything had begun
        self.assertLess(took, 20 * SLOWER)

    def test_run_while_it_loads_computes_the_prompt_and_reads_stdin(self):
        self.ends(b"loading", "run", "hi", "--raw", "--model", self.big)
        text = HOME / "long.txt"
        text.write_text("many words and more of them " * 900)
        run = Watched("run", "--raw", "--model", self.big, "--file", text, "--max-tokens", 4)
        self.assertTrue(run.wait_for(b"loading"), run.seen)
        self.assertTrue(run.wait_for(b"100 %"), run.seen)
        code, err, took, _ = run.stop(signal.SIGINT)
        self.assertEqual(code, 1, err)
        self.assertIn("cancelled", err)
        self.assertLess(took, 20 * SLOWER)
        reading, writing = os.pipe()
        self.ends(b"reading stdin", "run", "hi", "--model", MODEL, stdin=reading)
        os.close(reading)
        os.close(writing)

    def test_parity_while_it_loads_and_computes(self):
        self.ends(b"loading", "parity", "--model", self.big)
        tokens = ["--tokens", ",".join(map(str, range(1, 25)))]
        self.ends(b"reference", "parity", "--model", self.big, *tokens)
        self.ends(b"reference", "parity", "--model", self.big, *tokens, "--dump", HOME / "x.npy", "--logits-of", "reference")
        self.assertFalse((HOME / "x.npy").exists())

    def test_models_while_they_are_written_and_hashed(self):
        out = HOME / "out.gguf"
        self.ends(b"synthesizing", "models", "synth", "qwen3-4b", "--out", out)
        self.ends(b"converting", "models", "convert", self.big, out, "--type", "q8_0")
        self.assertFalse(out.exists())
        self.ends(b"hashing", "models", "import", self.big, "--copy", "--name", "big")
        self.assertNotIn("big ", assay("models", "list")[1])
        self.ends(b"hashing", "models", "verify", self.big)

    def test_chat_while_it_loads(self):
        self.ends(b"loading", "chat", "--model", self.big)


class Resume(Case):
    """A matrix that is stopped leaves a record, and goes on from it."""

    def stopped(self, path, *more, word=b"measuring takes", after=0.0, number=signal.SIGTERM):
        run = Watched("matrix", "--model", MODEL, "--engines", "direct", "--parity-positions", 8, "--prompt", 256, "--output",
                      32, "--rounds", 12, "--record", path, *more)
        self.assertTrue(run.wait_for(word), run.seen)
        end = time.monotonic() + 120 * SLOWER
        while time.monotonic() < end and not re.search(rb"measuring \[[#.]*\] +([3-9]\d) %", run.seen):
            time.sleep(0.01)  # until a round or two are done
        code, err, took, out = run.stop(number)
        self.assertEqual(code, 1, err)
        return err, out

    def test_what_was_measured_is_written_and_gone_on_with(self):
        path = HOME / "stopped.json"
        err, _ = self.stopped(path)
        self.assertIn(f"assay matrix --resume {path}", err)
        self.assertIn("cancelled", err)
        unfinished = json.loads(path.read_text())
        self.assertRegex(unfinished["unfinished"], "matrix stopped (before|in) (direct|the machine.s ceilings), round")
        had = len(unfinished["rows"][0]["rounds"])
        self.assertLess(had, 12)
        table = assay("matrix", "--from", path)[1]
        self.assertIn("unfinished", table)
        for field, value in (("artifact.sha256", "ff"), ("machine.chip", "other"), ("rows.direct.version", "0")):
            def change(matrix, keys=field.split("."), value=value):
                place = matrix["rows"][0] if keys[0] == "rows" else matrix[keys[0]]
                place[keys[-1]] = value
            other = HOME / "other.json"
            changed = json.loads(path.read_text())
            change(changed)
            other.write_text(json.dumps(changed))
            self.refused(1, ["--resume", field], "matrix", "--resume", other)
        self.assertEqual(json.loads(path.read_text()), unfinished, "a refusal writes nothing")
        code, out, err = assay("matrix", "--resume", path)
        self.assertEqual(code, 0, out + err)
        whole = json.loads(path.read_text())
        self.assertIsNone(whole["unfinished"])
        self.assertEqual(whole["resumed"]["times"], 1)
        row = whole["rows"][0]
        self.assertEqual(len(row["rounds"]), 12)
        self.assertEqual(row["rounds"][:had], unfinished["rows"][0]["rounds"])
        self.assertEqual(row["parity"], unfinished["rows"][0]["parity"])
        sent = [timing["sent_ns"] for timing in row["rounds"]]
        self.assertEqual(sent, sorted(sent))
        self.refused(1, ["is finished"], "matrix", "--resume", path)

    def test_a_stopped_matrix_without_a_place_leaves_its_record_in_the_home(self):
        run = Watched("matrix", "--model", MODEL, "--engines", "direct", "--parity-positions", 0, "--rounds", 50)
        self.assertTrue(run.wait_for(b"measuring takes"), run.seen)
        time.sleep(1)
        code, err, _, _ = run.stop(signal.SIGINT)
        self.assertEqual(code, 1, err)
        path = re.search(r"record: (\S+)", err)
        if path:  # none where it was stopped before the first round
            self.assertTrue(json.loads(pathlib.Path(path[1]).read_text())["unfinished"])


class Written(Case):
    def test_models_are_not_written_over_without_force(self):
        out = HOME / "kept.gguf"
        out.write_text("mine")
        self.refused(1, ["kept.gguf", "--force"], "models", "convert", MODEL, out)
        self.refused(1, ["--out", "kept.gguf", "--force"], "models", "synth", "qwen3-0.6b", "--out", out)
        self.refused(1, ["--dump", "kept.gguf", "--force"], "parity", "--model", MODEL, "--tokens", "1,2", "--dump", out)
        self.assertEqual(out.read_text(), "mine")
        copy = HOME / "copy.gguf"
        shutil.copy(MODEL, copy)
        self.refused(1, ["is the model that is read"], "models", "convert", copy, copy, "--force")
        self.assertEqual(assay("models", "convert", MODEL, out, "--force", "--type", "q8_0")[0], 0)
        self.assertGreater(out.stat().st_size, 1 << 20)


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    if not pathlib.Path(MODEL).exists():
        print(f"skipped: {MODEL} is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
