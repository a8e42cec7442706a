#!/usr/bin/env python3
"""`assay engines` as a user meets it: installs, refusals, interruptions, with a made-up engine that builds in seconds and no network.

    tests/engines_test.py ASSAY

ASSAY_TEST_ENGINES=1 installs the real engines too, from the network: minutes.
"""
import hashlib
import io
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import unittest

ASSAY = ""
DEVICE = "metal" if sys.platform == "darwin" else "cpu"
DEVICES = ["metal", "cpu"] if sys.platform == "darwin" else ["cpu"]
PKG_INFO = "Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: {version}\n\nMade up.\n"
CHANGELOG = "# Changelog\n\n## [{version}]\n\n- feat: update llama.cpp to ggml-org/llama.cpp@0123abcde\n"
LIBRARY = """\
cmake_minimum_required(VERSION 3.18)
project(madeup C)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_library(llama SHARED llama.c)
set_target_properties(llama PROPERTIES VERSION 0.0.1 SOVERSION 0)
"""
SLOW = "add_custom_target(slow COMMAND sh -c \"echo $PPID $$ > $ENV{PID_FILE}; sleep 300\" VERBATIM)\nadd_dependencies(llama slow)\n"
WORKER = """\
cmake_minimum_required(VERSION 3.18)
project(worker C)
add_executable(assay-worker-llama main.c)
target_include_directories(assay-worker-llama PRIVATE ${LLAMA_ROOT}/include)
find_library(llama llama PATHS ${LLAMA_ROOT}/lib NO_DEFAULT_PATH REQUIRED)
target_link_libraries(assay-worker-llama PRIVATE ${llama})
"""
MAIN = '#include <stdio.h>\n#include <llama.h>\nint main(void) { printf("made up %d\\n", llama_number()); return 2; }\n'


def sdist(folder, version="0.0.1", cmake=LIBRARY, code="int llama_number(void) { return 7; }\n"):
    """A source archive as PyPI's llama-cpp-python is laid out, with a library of one function. Gives its SHA-256."""
    top = f"llama_cpp_python-{version}"
    path = folder / f"{top}.tar.gz"
    files = {"PKG-INFO": PKG_INFO, "CHANGELOG.md": CHANGELOG}
    files = {name: text.format(version=version) for name, text in files.items()}
    files |= {"vendor/llama.cpp/" + name: text for name, text in {
        "CMakeLists.txt": cmake, "llama.c": code, "include/llama.h": "int llama_number(void);\n",
        "ggml/include/ggml.h": "\n", "LICENSE": "none\n"}.items()}
    with tarfile.open(path, "w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(f"{top}/{name}")
            entry.size = len(text)
            entry.mtime = int(time.time()) + 86400  # as some real ones: a day ahead
            archive.addfile(entry, io.BytesIO(text.encode()))
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Engines(unittest.TestCase):
    def setUp(self):
        self.holder = tempfile.TemporaryDirectory()
        self.addCleanup(self.holder.cleanup)
        top = pathlib.Path(self.holder.name)
        self.home, self.files, self.source = top / "home", top / "files", top / "source"
        self.engines = self.home / "engines"
        self.files.mkdir()
        self.worker = self.source / "src/adapter/llama_cpp/worker"
        self.worker.mkdir(parents=True)
        (self.worker / "CMakeLists.txt").write_text(WORKER)
        (self.worker / "main.c").write_text(MAIN)
        (self.worker.parent / "backend.cpp").write_text("// part of the worker's source\n")
        self.env = {**os.environ, "ASSAY_HOME": str(self.home), "ASSAY_SOURCE": str(self.source)}

    def start(self, *arguments, **env):
        process = subprocess.Popen([ASSAY, "engines", *map(str, arguments)], env={**self.env, **env}, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace")
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def run_it(self, *arguments, **env):
        process = self.start(*arguments, **env)
        out, err = process.communicate(timeout=600)
        return process.returncode, out, err

    def does(self, *arguments, **env):
        code, out, err = self.run_it(*arguments, **env)
        self.assertEqual(code, 0, out + err)
        return out

    def refused(self, code, words, *arguments, **env):
        got, out, err = self.run_it(*arguments, **env)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err)

    def install(self, version="0.0.1"):
        return ("install", "llama.cpp", "--device", DEVICE, "--version", version, "--from", self.files)

    def left(self):
        """What lies in engines/, but for logs of failed tries."""
        return sorted(str(path.relative_to(self.engines)) for path in self.engines.rglob("*")
                      if not path.name.endswith(".failed.log") and len(path.relative_to(self.engines).parts) < 3)

    def wait_for(self, path, process):
        for _ in range(1200):
            if path.exists() and path.read_text().endswith("\n"):
                return path.read_text()
            self.assertIsNone(process.poll(), "it ended before it was interrupted")
            time.sleep(0.05)
        self.fail(f"{path} did not appear")

    def assert_dead(self, pid):
        for _ in range(100):
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return
            state = pathlib.Path(f"/proc/{pid}/stat")
            if state.exists() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z":
                return
            time.sleep(0.05)
        self.fail(f"process {pid} lives on")

    def test_nothing_is_installed(self):
        self.assertIn("assay engines install mlx", self.does())
        listed = json.loads(self.does("--json"))
        self.assertEqual((listed["engines"], listed["can_install"]), ([], ["llama.cpp", "mlx"]))
        self.assertEqual(json.loads(self.does("verify", "--json"))["ok"], True)
        self.assertFalse(self.home.exists())

    def test_refusals(self):
        self.refused(2, ["vllm", "llama.cpp, mlx"], "install", "vllm")
        self.refused(2, ["--device"], "install", "mlx", "--device", "tpu")
        self.refused(1, ["no tools"], "install", "mlx", "--device", DEVICE, "--with-tools")
        self.refused(1, ["version", "../../x"], "install", "llama.cpp", "--device", DEVICE, "--version", "../../x")
        self.refused(1, ["64 hex digits"], "install", "llama.cpp", "--device", DEVICE, "--version", "0.0.1", "--sha256", "12")
        self.refused(1, ["is pinned"], "install", "llama.cpp", "--device", DEVICE, "--sha256", "0" * 64)
        self.refused(2, ["no llama_cpp_python-0.0.1.tar.gz"], *self.install())
        self.refused(2, ["mlx", "is installed"], "verify", "mlx")
        self.refused(2, ["mlx", "is installed"], "remove", "mlx")
        self.refused(1, ["expected NAME"], "remove", "../home")
        self.assertEqual(self.left(), [])

    def test_a_file_with_another_hash(self):
        met = sdist(self.files, "0.3.36")
        self.refused(1, [met, "expected 832db069"], "install", "llama.cpp", "--device", DEVICE, "--from", self.files)
        sdist(self.files)
        self.refused(1, ["expected " + "0" * 64], *self.install(), "--sha256", "0" * 64)
        self.assertEqual(self.left(), [])

    def test_from_nothing_to_removed(self):
        sha256 = sdist(self.files)
        made = json.loads(self.does(*self.install(), "--sha256", sha256, "--json"))
        self.assertEqual(made["did"], "installed")
        self.assertIn("build llama.cpp", [step["step"] for step in made["steps"]])
        engine = json.loads(self.does("list", "--json"))["engines"][0]
        self.assertEqual([engine[key] for key in ("name", "version", "source", "source_sha256", "commit", "devices", "loads")],
                         ["llama.cpp", "0.0.1", "pypi llama-cpp-python==0.0.1", sha256, "0123abcde", DEVICES, ["gguf"]])
        self.assertEqual([file["path"] for file in engine["files"]],
                         ["bin/assay-worker-llama", "lib/libllama.so", "lib/libllama.so.0", "lib/libllama.so.0.0.1"])
        self.assertEqual(self.left(), ["llama.cpp", "llama.cpp/0.0.1"])
        self.assertIn("as installed", self.does("verify"))

        # Again: it is there. Moved: it still finds its library.
        self.assertIn("is there already", self.does(*self.install()))
        moved = self.home / "elsewhere"
        shutil.copytree(engine["folder"], moved, symlinks=True)
        ran = subprocess.run([moved / "bin/assay-worker-llama"], capture_output=True, text=True, timeout=60)
        self.assertEqual((ran.returncode, ran.stdout), (2, "made up 7\n"))

        # Another source of the worker: only that is built anew.
        (self.worker.parent / "backend.cpp").write_text("// changed\n")
        self.assertIn("builds it anew", self.does("list"))
        made = json.loads(self.does(*self.install(), "--json"))
        self.assertEqual(made["did"], "renewed_worker")
        self.assertNotIn("build llama.cpp", [step["step"] for step in made["steps"]])
        self.assertNotIn("builds it anew", self.does("list"))
        self.assertIn("as installed", self.does("verify", "llama.cpp@0.0.1"))

        # A second version beside it, one not pinned.
        second = sdist(self.files, "0.0.2")
        code, out, err = self.run_it(*self.install("0.0.2"))
        self.assertEqual(code, 0, out + err)
        self.assertIn("not pinned: SHA-256 " + second, err)
        self.assertEqual([one["version"] for one in json.loads(self.does("--json"))["engines"]], ["0.0.2", "0.0.1"])
        self.refused(1, ["llama.cpp@0.0.2,llama.cpp@0.0.1"], "remove", "llama.cpp")

        # A changed library is named, and mended by another install.
        library = self.engines / "llama.cpp/0.0.2/lib/libllama.so.0.0.1"
        library.chmod(0o644)
        library.write_bytes(library.read_bytes() + b"x")
        code, out, _ = self.run_it("verify")
        self.assertEqual(code, 1)
        self.assertIn("lib/libllama.so", out)
        code, _, err = self.run_it(*self.install("0.0.2"))
        self.assertEqual(code, 0, err)
        self.assertIn("made anew", err)
        self.does("verify")

        # A manifest that does not read is a complaint; the other engine is still listed.
        (self.engines / "llama.cpp/0.0.2/manifest.json").write_text("{}")
        listed = json.loads(self.does("--json"))
        self.assertEqual([one["version"] for one in listed["engines"]], ["0.0.1"])
        self.assertIn("llama.cpp/0.0.2/manifest.json", listed["complaints"][0])
        self.refused(2, [], "verify", "mlx")
        self.assertEqual(self.run_it("verify", "llama.cpp@0.0.2")[0], 1)

        self.does("remove", "llama.cpp@0.0.2")
        self.does("remove", "llama.cpp")
        self.assertEqual(self.left(), [])

    def test_a_library_that_does_not_compile(self):
        sdist(self.files, code="int llama_number(void) { return seven; }\n")
        self.refused(1, ["build llama.cpp", "seven", "0.0.1.failed.log"], *self.install())
        self.assertIn("seven", (self.engines / "llama.cpp/0.0.1.failed.log").read_text())
        self.assertEqual(self.left(), ["llama.cpp"])
        sdist(self.files)
        self.does(*self.install())
        self.assertFalse((self.engines / "llama.cpp/0.0.1.failed.log").exists())

    def test_a_worker_that_does_not_start(self):
        sdist(self.files)
        (self.worker / "main.c").write_text(MAIN.replace("return 2", "return 3"))
        self.refused(4, ["start the worker", "exit code 3, expected 2", "made up 7"], *self.install())
        (self.worker / "main.c").write_text("#include <stdlib.h>\nint main(void) { abort(); }\n")
        self.refused(4, ["start the worker", "signal 6"], *self.install())
        self.assertEqual(self.left(), ["llama.cpp"])

    def test_tools_that_are_missing(self):
        sdist(self.files)
        only = self.home.parent / "bin"
        only.mkdir()
        for name in ("sh", "tar", "gzip", "cmake", "ninja", "python3"):
            if shutil.which(name):
                (only / name).symlink_to(os.path.realpath(shutil.which(name)))
        environment = {"PATH": str(only), "CXX": "", "CC": ""}
        del self.env["PATH"]
        self.env.pop("CXX", None)
        self.refused(1, ["no C++ compiler"], *self.install(), PATH=str(only))
        (only / "cmake").unlink()
        self.refused(1, ["cmake is not on PATH"], *self.install(), PATH=str(only))
        (only / "python3").unlink()
        self.refused(1, ["python3 is not on PATH", "--from"], "install", "llama.cpp", "--device", DEVICE, PATH=environment["PATH"])
        shutil.rmtree(self.source)
        self.assertEqual(self.left(), ["llama.cpp"])

    def test_the_workers_source_is_not_there(self):
        sdist(self.files)
        shutil.rmtree(self.source)
        self.refused(2, ["ASSAY_SOURCE", "src/adapter/llama_cpp/worker"], *self.install())

    def test_interrupted_while_it_builds(self):
        sdist(self.files, cmake=LIBRARY + SLOW)
        for number in (signal.SIGINT, signal.SIGTERM):
            pid_file = self.home.parent / f"pids{number}"
            process = self.start(*self.install(), PID_FILE=str(pid_file))
            pids = [int(word) for word in self.wait_for(pid_file, process).split()]
            began = time.monotonic()
            process.send_signal(number)
            out, err = process.communicate(timeout=60)
            self.assertLess(time.monotonic() - began, 20)
            self.assertEqual(process.returncode, 1, out + err)
            self.assertIn("cancelled", err)
            self.assertEqual(list(self.engines.rglob("*")), [])
            for pid in pids:
                self.assert_dead(pid)

    def test_interrupted_while_it_downloads(self):
        only = self.home.parent / "bin"
        only.mkdir()
        pid_file = self.home.parent / "pid"
        # Stands in for pip on a slow line: answers --version, then waits.
        (only / "python3").write_text(textwrap.dedent(f"""\
            #!/bin/sh
            case "$*" in *--version*) exit 0 ;; esac
            echo $$ > {pid_file}
            sleep 300
            """))
        (only / "python3").chmod(0o755)
        process = self.start("install", "llama.cpp", "--device", DEVICE, PATH=f"{only}:{os.environ['PATH']}")
        pid = int(self.wait_for(pid_file, process))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertEqual(list(self.engines.rglob("*")), [])
        self.assert_dead(pid)

    def test_no_network(self):
        nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_EXTRA_INDEX_URL": "", "PIP_FIND_LINKS": "", "PIP_RETRIES": "0",
                   "PIP_CONFIG_FILE": os.devnull}
        self.refused(1, ["system error", "download", "Could not find a version", "--from"],
                     "install", "mlx", "--device", DEVICE, **nowhere)
        self.assertEqual(self.left(), ["mlx"])

    def test_killed_and_two_at_once(self):
        sdist(self.files, cmake=LIBRARY + SLOW)
        pid_file = self.home.parent / "pids"
        process = self.start(*self.install(), PID_FILE=str(pid_file))
        pids = [int(word) for word in self.wait_for(pid_file, process).split()]
        self.refused(1, ["another process", "0.0.1"], *self.install())
        process.kill()
        process.communicate(timeout=60)
        for pid in pids:  # nobody was left who could
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.assertTrue([name for name in self.left() if ".installing-0.0.1-" in name])
        self.assertEqual(json.loads(self.does("--json"))["engines"], [])
        # Another version clears it too.
        sdist(self.files, "0.0.2")
        self.does(*self.install("0.0.2"))
        self.assertEqual(self.left(), ["llama.cpp", "llama.cpp/0.0.2"])

    @unittest.skipUnless(os.environ.get("ASSAY_TEST_ENGINES") == "1", "ASSAY_TEST_ENGINES=1 downloads and builds the real engines")
    def test_the_real_engines(self):
        del self.env["ASSAY_SOURCE"]
        for name in ("llama.cpp", "mlx"):
            began = time.monotonic()
            made = json.loads(self.does("install", name, "--device", DEVICE, "--json"))
            print(f"{name} {made['engine']['version']}: {time.monotonic() - began:.0f} s",
                  {step["step"]: round(step["seconds"], 1) for step in made["steps"]}, file=sys.stderr)
        self.does("verify")
        self.does("remove", "llama.cpp")
        self.does("remove", "mlx")
        self.assertEqual(self.left(), [])


if __name__ == "__main__":
    ASSAY = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
