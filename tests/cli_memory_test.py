#!/usr/bin/env python3
"""Memory and files under a running model: a file that goes away under it.

    tests/cli_memory_test.py ASSAY MODEL.gguf
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

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
        rest, err = process.communicate(timeout=300)
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


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=sys.argv[:1], verbosity=2)
