#!/usr/bin/env python3
"""What the program says to bad input: every refusal names the thing, and ends with the exit code of docs/commands.md.

    tests/cli_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ASSAY, MODEL = "", ""


def assay(*arguments, text=None, env=None, limit=""):
    """(exit code, stdout, stderr) of one command in an empty $ASSAY_HOME."""
    command = [ASSAY, *map(str, arguments)]
    if limit:
        command = ["bash", "-c", f'ulimit {limit}; exec "$@"', "bash", *command]
    done = subprocess.run(command, input=text, capture_output=True, timeout=300,
                          env={**os.environ, "ASSAY_HOME": str(HOME), **(env or {})})
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class Refusals(unittest.TestCase):
    def refused(self, code, words, *arguments, **more):
        got, out, err = assay(*arguments, **more)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err)
        self.assertNotIn("terminate called", err)

    def write(self, name, data):
        path = HOME / name
        path.write_bytes(data)
        return path

    def test_no_file(self):
        self.refused(2, ["/no/such/model.gguf", "no such file"], "run", "hi", "--model", "/no/such/model.gguf")

    def test_a_directory_without_a_model(self):
        self.refused(2, [str(HOME), "config.json"], "run", "hi", "--model", HOME)

    def test_a_picture(self):
        path = self.write("picture.gguf", b"\x89PNG\r\n\x1a\n" + bytes(64))
        self.refused(1, [path.name, "not a GGUF file", "PNG"], "run", "hi", "--model", path)

    def test_an_empty_file(self):
        self.refused(1, ["empty.gguf", "empty"], "run", "hi", "--model", self.write("empty.gguf", b""))

    def test_a_cut_model(self):
        data = pathlib.Path(MODEL).read_bytes()
        for share in (0.0001, 0.5, 0.999):
            path = self.write("cut.gguf", data[:int(len(data) * share)])
            self.refused(1, ["truncated", "cut.gguf"], "run", "hi", "--model", path)

    def test_another_architecture(self):
        data = bytearray(pathlib.Path(MODEL).read_bytes())
        at = data.index(b"qwen3", data.index(b"general.architecture"))
        data[at:at + 5] = b"gemma"
        self.refused(1, ["gemma", "architecture"], "run", "hi", "--model", self.write("other.gguf", bytes(data)))

    def test_a_prompt_longer_than_the_context(self):
        self.refused(1, ["context holds 64", "tokens"], "run", "--raw", "word " * 200, "--context", 64, "--model", MODEL)

    def test_settings_out_of_range(self):
        self.refused(1, ["temperature", "-1"], "run", "--raw", "hi", "--temp=-1", "--model", MODEL)
        self.refused(1, ["--kv", "q3"], "run", "hi", "--kv", "q3", "--model", MODEL)
        self.refused(1, ["ASSAY_ISA", "sse9"], "run", "hi", "--model", MODEL, env={"ASSAY_ISA": "sse9"})
        self.refused(1, ["do not fit"], "matrix", "--prompt", 100000, "--model", MODEL)

    def test_usage(self):
        self.refused(2, ["--colour"], "run", "--colour", "red")
        self.refused(2, ["subcommand"])
        self.refused(2, ["--context"], "run", "hi", "--context", "many")

    def test_tokens_outside_the_vocabulary(self):
        self.refused(1, ["99999999"], "parity", "--tokens", "1,99999999", "--model", MODEL)

    def test_errors_are_json_when_asked(self):
        code, out, _ = assay("run", "hi", "--json", "--model", "/no/such/model.gguf")
        self.assertEqual(code, 2)
        self.assertEqual(json.loads(out)["error"]["code"], "not found")


class Answers(unittest.TestCase):
    def test_the_same_seed_gives_the_same_text_and_another_seed_another(self):
        ask = ["run", "--raw", "Tell me a story.", "--temp", 1, "--max-tokens", 40, "--json", "--model", MODEL, "--seed"]
        one, two, three = (json.loads(assay(*ask, seed)[1])["text"] for seed in (7, 7, 8))
        self.assertEqual(one, two)
        self.assertNotEqual(one, three)

    def test_threads_and_instruction_sets_do_not_change_greedy_text(self):
        ask = ["run", "--raw", "Name three animals.", "--max-tokens", 30, "--json", "--model", MODEL]
        texts = {json.loads(assay(*ask, "--threads", n)[1])["text"] for n in (1, 2, 3)}
        self.assertEqual(len(texts), 1)

    def test_stop_text_is_not_shown(self):
        code, out, _ = assay("run", "--raw", "Once upon a time there was a", "--max-tokens", 60, "--stop", ".", "--json",
                             "--model", MODEL)
        self.assertEqual(code, 0)
        answer = json.loads(out)
        self.assertNotIn(".", answer["text"])
        self.assertEqual(answer["finish"], "stop_text")

    def test_stdin_is_the_prompt_where_none_is_given(self):
        code, out, err = assay("run", "--raw", "--max-tokens", 4, "--json", "--model", MODEL, text=b"Once upon a time")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["usage"]["output_tokens"], 4)

    def test_a_matrix_has_the_fields_of_its_schema(self):
        code, out, err = assay("matrix", "--prompt", 32, "--output", 8, "--rounds", 2, "--json", "--csv", HOME / "m.csv",
                               "--model", MODEL)
        self.assertEqual(code, 0, err)
        matrix = json.loads(out)
        self.assertEqual(set(matrix["ceilings"]), {"read_gb_s", "int8_gmac_s"})
        self.assertEqual(len(matrix["artifact"]["sha256"]), 64)
        row = matrix["rows"][0]
        self.assertEqual((row["engine"], row["status"]), ("direct", "ok"))
        for field in ("prefill_tok_s", "decode_tok_s", "ttft_ms"):
            self.assertEqual(set(row[field]), {"median", "low", "high", "n"})
            self.assertLessEqual(row[field]["low"], row[field]["median"])
            self.assertLessEqual(row[field]["median"], row[field]["high"])
            self.assertEqual(row[field]["n"], 2)
        self.assertTrue(row["parity"]["holds"])
        self.assertGreaterEqual(row["parity"]["top1"], 0.9)
        self.assertEqual(len((HOME / "m.csv").read_text().splitlines()), 2)


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    if not pathlib.Path(MODEL).exists():
        print(f"skipped: {MODEL} is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=sys.argv[:1], verbosity=1)
