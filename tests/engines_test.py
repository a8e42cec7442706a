#!/usr/bin/env python3
"""`assay engines` as a user meets it: installs, refusals, interruptions, with a made-up engine that builds in seconds and no network.

    tests/engines_test.py ASSAY FAULTY_WORKER

Its worker becomes FAULTY_WORKER, which computes right but for the faults that the library was compiled with.
The real engines are installed by tests.install_* (tests/CMakeLists.txt).
"""
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY = FAULTY = ""
DEVICE = "metal" if sys.platform == "darwin" else "cpu"
DEVICES = ["metal", "cpu"] if sys.platform == "darwin" else ["cpu"]
# On these processors GCC before 13.3 is known to break llama.cpp, so that clang comes first where it is.
DOUBTED = "amx_tile" in (pathlib.Path("/proc/cpuinfo").read_text() if sys.platform == "linux" else "")
PKG_INFO = "Metadata-Version: 2.1\nName: llama_cpp_python\nVersion: {version}\n\nMade up.\n"
CHANGELOG = "# Changelog\n\n## [{version}]\n\n- feat: update llama.cpp to ggml-org/llama.cpp@0123abcde\n"
LIBRARY = """\
cmake_minimum_required(VERSION 3.18)
project(madeup C)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
add_library(llama SHARED llama.c)
if(NOT GGML_NATIVE)
  target_compile_definitions(llama PRIVATE PLAIN)
endif()
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
MAIN = """\
#include <llama.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int argc, char** argv) {
  if (argc < 2) {
    printf("made up %d\\n", llama_number());
    return 2;
  }
  setenv("ASSAY_FAULT", llama_fault(), 1);
  execv(getenv("FAULTY_WORKER"), argv);
  return 9;
}
"""
# What the library makes of its worker, by the compiler and the definitions that it was built with.
CODE = """\
int llama_number(void) {{ return 7; }}
#if defined(AS_CLANG)
const char* llama_fault(void) {{ return "{clang}"; }}
#elif defined(PLAIN)
const char* llama_fault(void) {{ return "{plain}"; }}
#else
const char* llama_fault(void) {{ return "{default}"; }}
#endif
"""


def code(default="", clang="", plain=""):
    return CODE.format(default=default, clang=clang, plain=plain)



def sdist(folder, version="0.0.1", cmake=LIBRARY, code=code()):
    """A source archive as PyPI's llama-cpp-python is laid out, with a library of one function. Gives its SHA-256."""
    top = f"llama_cpp_python-{version}"
    path = folder / f"{top}.tar.gz"
    files = {"PKG-INFO": PKG_INFO, "CHANGELOG.md": CHANGELOG}
    files = {name: text.format(version=version) for name, text in files.items()}
    files |= {"vendor/llama.cpp/" + name: text for name, text in {
        "CMakeLists.txt": cmake, "llama.c": code, "include/llama.h": "int llama_number(void);\nconst char* llama_fault(void);\n",
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
        self.env = {**os.environ, "ASSAY_HOME": str(self.home), "ASSAY_SOURCE": str(self.source), "FAULTY_WORKER": FAULTY}

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
        out, err = process.communicate(timeout=600 * SLOWER)
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
        self.assertTrue(any(step["step"].startswith("build llama.cpp by ") for step in made["steps"]), made["steps"])
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
        ran = subprocess.run([moved / "bin/assay-worker-llama"], capture_output=True, text=True, timeout=60 * SLOWER)
        self.assertEqual((ran.returncode, ran.stdout), (2, "made up 7\n"))

        # Another source of the worker: only that is built anew.
        (self.worker.parent / "backend.cpp").write_text("// changed\n")
        self.assertIn("builds it anew", self.does("list"))
        made = json.loads(self.does(*self.install(), "--json"))
        self.assertEqual(made["did"], "renewed_worker")
        self.assertFalse(any(step["step"].startswith("build llama.cpp") for step in made["steps"]), made["steps"])
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
        sdist(self.files, code=code().replace("return 7", "return seven"))
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

    def clang(self, version="99.0.0"):
        """A PATH with a compiler on it that calls itself clang; what it compiles knows."""
        folder = self.home.parent / "clang"
        folder.mkdir(exist_ok=True)
        for name, real in (("clang-99", "cc"), ("clang++-99", "c++")):
            path = folder / name
            path.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && {{ echo 'made-up clang version {version}'; exit 0; }}\n"
                            # ccache adds what only clang knows
                            'for a; do shift; [ "$a" = -fcolor-diagnostics ] || set -- "$@" "$a"; done\n'
                            f"exec {shutil.which(real)} -DAS_CLANG \"$@\"\n")
            path.chmod(0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}

    def no_clang(self):
        """A PATH with everything but clang."""
        folder = self.home.parent / "no-clang"
        folder.mkdir(exist_ok=True)
        for place in os.environ["PATH"].split(":"):
            for path in sorted(pathlib.Path(place).glob("*")) if place else []:
                if not path.name.startswith("clang") and not (folder / path.name).exists():
                    (folder / path.name).symlink_to(path)
        return {"PATH": str(folder)}

    def made(self, *more, **env):
        return json.loads(self.does(*self.install(), *more, "--json", **env))["engine"]

    def refused_ways(self, engine):
        """Why ways were refused, by the first word of the way and what stands behind its version."""
        return {re.sub(r" [0-9.]+", "", one["way"]): one["why"] for one in engine["refused"]}

    def test_a_proven_engine_says_what_it_was_held_against(self):
        sdist(self.files)
        engine = self.made(**self.no_clang())
        self.assertRegex(engine["way"], r"^(GCC|clang) [0-9.]+$")
        self.assertEqual(engine["refused"], [])
        self.assertRegex(engine["proof"], r"^[0-9]+ models on .*cpu, prefill and decode")
        self.assertGreaterEqual(int(engine["proof"].split()[0]), 24)  # 16 types, 4 architectures twice
        self.assertIn(engine["way"], self.does("list"))
        self.assertEqual(self.left(), ["llama.cpp", "llama.cpp/0.0.1"])

    def test_an_engine_that_dies_in_its_first_prompt_is_built_by_clang(self):
        sdist(self.files, code=code(default="dies-in-prefill"))
        engine = self.made(**self.clang())
        self.assertEqual(engine["way"], "clang 99.0.0")
        self.assertEqual(len(engine["refused"]), 1)
        self.assertRegex(engine["refused"][0]["way"], r"^(GCC|clang) [0-9.]+$")
        if not DOUBTED:  # where GCC is known to fail it is not tried first
            for word in ("q4_0 on", "a prompt of 72 tokens", "signal 4"):
                self.assertIn(word, engine["refused"][0]["why"])
        said = self.does("list")
        self.assertIn("built by clang 99.0.0, since " + engine["refused"][0]["way"] + ": ", said)
        self.assertIn("clang-99", (self.engines / "llama.cpp/0.0.1/install.log").read_text())

    def test_without_clang_the_instructions_of_this_cpu_are_left_out(self):
        sdist(self.files, code=code(default="dies-in-decode"))
        engine = self.made(**self.no_clang())
        self.assertRegex(engine["way"], "for any (x86-64|64-bit ARM)")
        self.assertIn("-DGGML_NATIVE=OFF", engine["flags"])
        for why in self.refused_ways(engine).values():
            self.assertRegex(why, "decoding one token: .*signal 11")

    def test_wrong_logits_are_seen_in_prefill_and_in_decode(self):
        sdist(self.files, code=code(default="wrong-in-decode", clang="wrong-in-prefill"))
        engine = self.made(**self.clang())
        self.assertRegex(engine["way"], "for any ")
        ways = self.refused_ways(engine)
        self.assertRegex(ways["clang"], "a prompt: logits differ from the double-precision reference by .*, expected at most")
        self.assertTrue(any(re.search("decoding one token at a time: logits differ", why) for why in ways.values()), ways)

    def test_one_type_that_is_wrong_or_refused_is_enough(self):
        sdist(self.files, code=code(default="wrong-for=q4_k", clang="refuses=mxfp4"))
        ways = self.refused_ways(self.made(**self.clang()))
        self.assertIn("mxfp4 on ", ways["clang"])
        self.assertIn("loading: ", ways["clang"])
        self.assertTrue(any(why.startswith("q4_k on ") for why in ways.values()), ways)

    def test_no_numbers_and_no_flash_attention(self):
        sdist(self.files, code=code(default="nan-in-decode", clang="dies-without-flash"))
        ways = self.refused_ways(self.made(**self.clang()))
        self.assertIn("without flash attention on ", ways["clang"])
        self.assertTrue(any("decoding one token at a time: " in why for why in ways.values()), ways)

    def test_an_engine_that_hangs(self):
        sdist(self.files, code=code(default="hangs-in-decode", clang="hangs-in-loading"))
        ways = self.refused_ways(self.made("--proof-timeout", "4", **self.clang()))
        self.assertRegex(ways["clang"], "loading: .*no answer within 4 s")
        self.assertTrue(any(re.search("decoding one token: .*no answer within 4 s", why) for why in ways.values()), ways)

    def test_what_no_way_makes_right_is_not_installed_and_the_old_one_stays(self):
        sdist(self.files)
        before = self.made(**self.no_clang())
        sdist(self.files, code=code("dies-in-prefill", "dies-in-loading", "wrong-in-decode"))
        self.refused(4, ["llama.cpp 0.0.1: it does not compute right on this machine", "clang 99.0.0: q4_0 on ", "signal 4",
                         "logits differ", "0.0.1.failed.log"], *self.install(), "--force", **self.clang())
        self.assertEqual(json.loads(self.does("--json"))["engines"], [before])
        self.does("verify")
        self.assertEqual(self.left(), ["llama.cpp", "llama.cpp/0.0.1"])

    def test_verify_and_doctor_start_what_is_installed(self):
        sdist(self.files)
        self.made(**self.no_clang())
        self.assertIn("computed right on a small model", self.does("verify", "--run"))
        self.assertNotIn("computed", self.does("verify"))
        env = {**self.env, "FAULTY_WORKER": "/bin/false"}
        code, out, err = self.run_it("verify", "--run", **env)
        self.assertEqual(code, 1, out + err)
        for word in ("llama.cpp 0.0.1: q4_0 on ", "loading: ", "'assay engines install llama.cpp --force' makes it anew"):
            self.assertIn(word, out)
        for environment, verdict, words in ((self.env, "ok", "computes right"), (env, "bad", "loading: ")):
            done = subprocess.run([ASSAY, "doctor", "--json"], env=environment, capture_output=True, text=True, timeout=120 * SLOWER)
            found = json.loads(done.stdout)["findings"]
            said = [one for one in found if one["check"] == "engines" and one["text"].startswith("llama.cpp 0.0.1")]
            self.assertEqual([(one["verdict"], words in one["text"]) for one in said], [(verdict, True)], found)
            self.assertEqual(said[0]["advice"] is None, verdict == "ok")
            self.assertTrue(any("not installed: mlx" in one["text"] for one in found), found)
        self.assertEqual(done.returncode, 1, "something is bad")

    def test_a_clang_that_cannot_compile_it_is_one_way_less(self):
        sdist(self.files, code=code(default="dies-in-prefill", clang="") + "#ifdef AS_CLANG\n#error too old\n#endif\n")
        engine = self.made(**self.clang())
        self.assertRegex(engine["way"], "for any ")
        self.assertIn("too old", self.refused_ways(engine)["clang"])

    def test_one_that_was_installed_without_a_proof_is_proven_or_made_anew(self):
        sdist(self.files)
        self.made(**self.no_clang())
        path = self.engines / "llama.cpp/0.0.1/manifest.json"
        old = json.loads(path.read_text())
        for key in ("way", "refused", "proof"):
            del old[key]
        path.write_text(json.dumps({**old, "format": 1}))
        self.assertIn("before engines had to prove themselves", self.does("list"))
        done = json.loads(self.does(*self.install(), "--json", **self.no_clang()))
        self.assertEqual(done["did"], "renewed_worker")
        self.assertIn("models on", done["engine"]["proof"])
        # Its library is broken: by GCC, as it was built then.
        sdist(self.files, code=code("dies-in-prefill", "dies-in-prefill", ""))
        library = self.engines / "llama.cpp/0.0.1/lib/libllama.so.0.0.1"
        (self.home.parent / "broken.c").write_text(code("dies-in-prefill"))
        library.unlink()
        subprocess.run(["cc", "-shared", "-fPIC", "-Wl,-soname,libllama.so.0", "-o", library, self.home.parent / "broken.c"], check=True)
        for file in old["files"]:
            file["sha256"] = hashlib.sha256((path.parent / file["path"]).read_bytes()).hexdigest()
        path.write_text(json.dumps({**old, "format": 1}))
        done = json.loads(self.does(*self.install(), "--json", **self.no_clang()))
        self.assertEqual(done["did"], "installed")
        self.assertRegex(done["engine"]["way"], "for any ")

    def test_interrupted_while_it_proves(self):
        sdist(self.files, code=code("hangs-in-decode", "hangs-in-decode", "hangs-in-decode"))
        process = self.start(*self.install())
        for line in process.stderr:
            if "prove llama.cpp" in line:
                break
        time.sleep(0.2)
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60 * SLOWER)
        self.assertLess(time.monotonic() - began, 20 * SLOWER)
        self.assertEqual((process.returncode, "cancelled" in err), (1, True), err)
        self.assertEqual(list(self.engines.rglob("*")), [])

    def test_mlx_is_proven_too(self):
        worker = self.source / "src/adapter/mlx/worker"
        worker.mkdir(parents=True)
        (worker / "CMakeLists.txt").write_text(WORKER.replace("LLAMA_ROOT", "MLX_ROOT").replace("assay-worker-llama", "assay-worker-mlx")
                                               .replace("find_library(llama llama", "find_library(llama mlx"))
        (worker / "main.c").write_text(MAIN.replace("#include <llama.h>", code("wrong-for=affine4")))
        built = self.home.parent / "mlx"
        for name, text in (("mlx/include/mlx/mlx.h", ""), ("mlx/share/cmake/MLX/MLXConfig.cmake", "")):
            (built / name).parent.mkdir(parents=True)
            (built / name).write_text(text)
        (built / "mlx/lib").mkdir()
        (built / "empty.c").write_text("int mlx_number(void) { return 1; }\n")
        subprocess.run(["cc", "-shared", "-fPIC", "-o", built / "mlx/lib/libmlx.so", built / "empty.c"], check=True)
        (built / "empty.c").unlink()
        project = "mlx_metal" if DEVICE == "metal" else "mlx_cpu"
        shutil.make_archive(str(self.files / f"{project}-0.0.1-py3-none-any"), "zip", built)
        (self.files / f"{project}-0.0.1-py3-none-any.zip").rename(self.files / f"{project}-0.0.1-py3-none-any.whl")
        install = ("install", "mlx", "--device", DEVICE, "--version", "0.0.1", "--from", self.files)
        self.refused(4, ["mlx 0.0.1: it does not compute right", "MLX folder, 4 bit in groups of 64 on ", "logits differ"],
                     *install, **self.no_clang())
        engine = json.loads(self.does(*install, "--json", **self.clang()))["engine"]
        self.assertEqual((engine["way"], engine["loads"]), ("clang 99.0.0", ["gguf", "mlx"]))
        # 16 types and 4 architectures of GGUF (MLX chooses its attention itself: no second model without), 12 folders.
        self.assertTrue(engine["proof"].startswith("32 models on "), engine["proof"])

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
            out, err = process.communicate(timeout=60 * SLOWER)
            self.assertLess(time.monotonic() - began, 20 * SLOWER)
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
        out, err = process.communicate(timeout=60 * SLOWER)
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
        process.communicate(timeout=60 * SLOWER)
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


if __name__ == "__main__":
    ASSAY = os.path.abspath(sys.argv.pop(1))
    FAULTY = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=1)
