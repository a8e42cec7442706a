#!/usr/bin/env python3
"""A model that direct does not know: refused by direct in words that help, and run, talked to and measured on llama.cpp.

    tests/unknown_model_test.py ASSAY MODEL.gguf

The refusals are tested always; the rest where $ASSAY_HOME has llama.cpp (exit 77: it has none).
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(__file__))
import unknown_model  # noqa: E402

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))
ASSAY, SHIPPED = "", ""


def assay(*arguments, given=""):
    return subprocess.run([ASSAY, *arguments], capture_output=True, text=True, input=given, timeout=300 * SLOWER)


def has_llama():
    listed = json.loads(assay("engines", "list", "--json").stdout)
    return any(engine["name"] == "llama.cpp" for engine in listed["engines"])


class Made(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.model = os.path.join(cls.folder.name, "tiny-gpt2.gguf")
        unknown_model.write_gpt2(cls.model, SHIPPED)


class OnDirect(Made):
    def test_direct_refuses_it_by_name_and_says_who_may_know_it(self):
        done = assay("run", "--raw", "hello", "--model", self.model)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('architecture "gpt2"', done.stderr)
        self.assertIn("--engine llama.cpp", done.stderr)

    def test_its_length_is_checked_before_any_engine_is_started(self):
        done = assay("run", "--raw", "hello", "--model", self.model, "--engine", "llama.cpp", "--context", "513")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("--context is 513, the model was trained on 512", done.stderr)

    def test_a_file_that_is_no_model_is_refused_on_every_engine(self):
        broken = os.path.join(self.folder.name, "broken.gguf")
        with open(self.model, "rb") as whole, open(broken, "wb") as part:
            part.write(whole.read()[:100_000])
        done = assay("run", "--raw", "hello", "--model", broken, "--engine", "llama.cpp")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("broken.gguf", done.stderr)


class OnLlamaCpp(Made):
    @classmethod
    def setUpClass(cls):
        if not has_llama():
            raise unittest.SkipTest("llama.cpp is not installed")
        super().setUpClass()

    def test_it_runs(self):
        done = assay("run", "--raw", "hello", "--model", self.model, "--engine", "llama.cpp", "-n", "8", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual(answer["engine"], "llama.cpp")
        again = assay("run", "--raw", "hello", "--model", self.model, "--engine", "llama.cpp", "-n", "8", "--json",
                      "--seed", str(answer["seed"]))
        self.assertEqual(json.loads(again.stdout)["tokens"], answer["tokens"])

    def test_it_is_talked_to_in_its_own_template(self):
        done = assay("chat", "--model", self.model, "--engine", "llama.cpp", "-n", "8", given="hello\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.strip())

    def test_the_matrix_measures_it_and_says_why_there_is_no_parity(self):
        record = os.path.join(self.folder.name, "record.json")
        done = assay("matrix", "--model", self.model, "--engines", "direct,llama.cpp", "--prompt", "32", "--output",
                     "8", "--rounds", "2", "--record", record)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("no parity: the reference does not know gpt2", done.stdout)
        with open(record, encoding="utf-8") as file:
            rows = {row["engine"]: row for row in json.load(file)["rows"]}
        self.assertEqual(rows["direct"]["status"], "refused")
        self.assertIn('architecture "gpt2"', rows["direct"]["reason"])
        self.assertEqual(rows["llama.cpp"]["status"], "ok")
        self.assertGreater(rows["llama.cpp"]["decode_tok_s"]["median"], 0)
        self.assertIsNone(rows["llama.cpp"]["parity"])
        self.assertEqual(rows["llama.cpp"]["parity_reason"], "the reference does not know gpt2")
        self.assertIsNone(rows["llama.cpp"]["share_of_limit"])


if __name__ == "__main__":
    ASSAY, SHIPPED = sys.argv[1:3]
    result = unittest.main(argv=sys.argv[:1] + sys.argv[3:], verbosity=1, exit=False).result
    if result.skipped and result.wasSuccessful():
        print("skipped: " + result.skipped[0][1])
        sys.exit(77)
    sys.exit(not result.wasSuccessful())
