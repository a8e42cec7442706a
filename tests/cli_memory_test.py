#!/usr/bin/env python3
"""Memory and files under a running model: a file that goes away under it, and more memory asked for than there is.

    tests/cli_memory_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY, MODEL = "", ""


def run_command(model, *more):
    return [ASSAY, "run", "--raw", "--temperature", "0", "--model", str(model), *more, "The"]


class FileUnderTheModel(unittest.TestCase):
    """What the weights were read from is not needed once they are loaded."""

    def answer_while(self, change, words):
        """Standard output of a run whose model file is changed after its first words."""
        copy = HOME / "model.gguf"
        shutil.copyfile(MODEL, copy)
        process = subprocess.Popen(run_command(copy, "-n", str(words)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env={**os.environ, "ASSAY_HOME": str(HOME)})
        first = os.read(process.stdout.fileno(), 64)
        change(copy)
        rest, err = process.communicate(timeout=300 * SLOWER)
        self.assertEqual(process.returncode, 0, err.decode(errors="replace"))
        return first + rest

    def test_cut_short_overwritten_or_removed(self):
        expected = self.answer_while(lambda path: None, 200)
        self.assertGreater(len(expected), 400)

        def cut(path):
            os.truncate(path, 4096)  # the same file: a page behind it that is still mapped would be a SIGBUS

        def overwrite(path):
            with open(path, "r+b") as file:
                file.write(bytes(path.stat().st_size))

        for change in (cut, overwrite, pathlib.Path.unlink):
            self.assertEqual(self.answer_while(change, 200), expected, change.__name__)


class Refused(unittest.TestCase):
    """More than there is: an error that says what for and how many bytes, never an abort."""

    def under_limit(self, limit_mb, *arguments):
        """(exit code, standard error) of a run whose address space ends at so many MiB."""
        done = subprocess.run(["bash", "-c", f'ulimit -v {limit_mb * 1024}; exec "$@"', "bash", *map(str, arguments)],
                              capture_output=True, timeout=300 * SLOWER, env={**os.environ, "ASSAY_HOME": str(HOME)})
        return done.returncode, done.stderr.decode(errors="replace")

    def setUp(self):
        if self.under_limit(4000, ASSAY, "--version")[0] != 0:
            self.skipTest("this build does not run in 4 GB of address space (a sanitizer)")

    def refused(self, limit_mb, words, *arguments):
        code, err = self.under_limit(limit_mb, *arguments)
        self.assertIn(code, (1, 2, 4), f"{arguments}: {code} {err}")
        for word in words:
            self.assertIn(word, err)
        self.assertNotIn("terminate called", err)

    def test_it_runs_under_the_limit_with_usual_settings(self):
        code, err = self.under_limit(600, *run_command(MODEL, "-n", "4", "--threads", "2"))
        self.assertEqual(code, 0, err)

    def test_a_batch_whose_working_memory_is_not_there(self):
        self.refused(150, ["batch of 8192 tokens", "no memory for", "bytes"],
                     *run_command(MODEL, "-n", "4", "--threads", "1", "--batch", "8192"))

    def test_a_context_whose_keys_and_values_are_not_there(self):
        # A small model that says it was trained on 16 million positions: --context within that, memory not.
        config = HOME / "config.json"
        config.write_text(json.dumps({
            "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 256, "intermediate_size": 512,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "max_position_embeddings": 16000000,
            "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "hidden_act": "silu", "vocab_size": 512, "tie_word_embeddings": True}))
        deep = HOME / "deep.gguf"
        subprocess.run([ASSAY, "models", "synth", "--config", config, "--quant", "f16", "--out", deep], check=True, capture_output=True,
                       env={**os.environ, "ASSAY_HOME": str(HOME)})
        self.refused(600, ["KV cache", "bytes"], *run_command(deep, "-n", "4", "--threads", "2", "--context", "16000000"))

    def test_weights_that_are_not_there(self):
        self.refused(110, ["memory"], *run_command(MODEL, "-n", "4", "--threads", "1"))


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=sys.argv[:1], verbosity=2)
