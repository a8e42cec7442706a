#!/usr/bin/env python3
"""make install and make uninstall, into a folder of their own, and the program that was installed.

    tests/install_test.py BUILD        BUILD: the build folder
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

BUILD = pathlib.Path("/nonexistent")
TOP = pathlib.Path(__file__).resolve().parent.parent


class Install(unittest.TestCase):
    def run_ok(self, command, **more):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=300 * SLOWER, **more)
        self.assertEqual(done.returncode, 0, f"{command}: {done.stdout}{done.stderr}")
        return done.stdout

    def test_what_is_installed_works_where_it_stands_and_goes_again(self):
        with tempfile.TemporaryDirectory() as folder:
            stage, home = pathlib.Path(folder, "stage"), pathlib.Path(folder, "home")
            # As a package is made: a prefix that is not written to, below DESTDIR.
            self.run_ok(["cmake", "--install", BUILD, "--prefix", "/opt/assay"], env={**os.environ, "DESTDIR": str(stage)})
            root = stage / "opt" / "assay"
            program = root / "bin" / "assay"
            bare = {"PATH": "/usr/bin:/bin", "HOME": str(home), "ASSAY_HOME": str(home / "assay")}
            answer = json.loads(self.run_ok([program, "run", "hi", "-n", "2", "--json"], env=bare))
            self.assertEqual(pathlib.Path(answer["model"]), root.resolve() / "share/assay/models/assay-small-q4_0.gguf")
            pages = {file.name for file in (root / "share/man/man1").iterdir()}
            self.assertLessEqual({"assay.1", "assay-run.1", "assay-models-import.1"}, pages)
            script = root / "share/bash-completion/completions/assay"
            offered = self.run_ok(["bash", "--norc", "-c", f'. "{script}"; COMP_WORDS=(assay ma); COMP_CWORD=1; _assay; echo "${{COMPREPLY[@]}}"'])
            self.assertEqual(offered, "matrix\n")
            for name in ("share/zsh/site-functions/_assay", "share/fish/vendor_completions.d/assay.fish", "share/doc/assay/LICENSE",
                         "share/assay/source/src/adapter/worker/program.cmake", "bin/assay-worker-metalrt"):
                self.assertTrue((root / name).is_file(), name)

            # Another program's files in the same folders stay.
            for name in ("bin/other", "share/man/man1/other.1"):
                (root / name).write_text("")
            self.run_ok(["make", "-C", TOP, "uninstall", f"DESTDIR={stage}", "PREFIX=/opt/assay"])
            left = sorted(str(file.relative_to(root)) for file in root.rglob("*") if not file.is_dir())
            self.assertEqual(left, ["bin/other", "share/man/man1/other.1"])


if __name__ == "__main__":
    BUILD = pathlib.Path(sys.argv[1])
    unittest.main(argv=sys.argv[:1], verbosity=1)
