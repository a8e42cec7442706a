#!/usr/bin/env python3
"""The arrows between the folders of src: each may include only the folders that its line here names, and nobody includes cli.

Also held: what a rule of ARCHITECTURE.md says is absent. `schedule`, `plan` and `contract` include no clock, file, socket or random
source; outside `base`, `host`, `process`, `device` and `measure` no header of one operating system is included.
"""
import pathlib
import re
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.MULTILINE)

ORDER = ["base", "tensor", "checkpoint", "tokenizer", "kernel", "host", "process", "device", "cache", "model", "artifact", "engine", "direct", "schedule",
         "adapter", "roster", "record", "measure", "report", "contract", "replay", "plan", "server", "cli"]
# Where the rule is narrower than "any folder above".
NARROWER = {
    "checkpoint": {"base", "tensor"},
    "kernel": {"base", "tensor"},
    "host": {"base"},
    "process": {"base", "host"},
    "device": {"base", "host"},
    "model": {"base", "tensor", "checkpoint/model_config.h", "checkpoint/tensors.h", "checkpoint/tensor_list.h", "checkpoint/architectures.h",
              "checkpoint/gemma3.h", "kernel", "device"},
    "artifact": {"base", "tensor", "checkpoint", "tokenizer", "kernel", "device", "model"},
    "engine": {"base"},
    "direct": {"base", "tensor", "checkpoint", "kernel", "device", "cache", "model", "engine"},
    "schedule": {"base", "tokenizer", "engine", "cache/page_table.h"},  # of the fake backend
    "record": {"base", "host", "engine"},
    "report": {"base", "host", "record"},
}
PURE = {"schedule", "plan", "contract"}
IMPURE = {"chrono", "fstream", "filesystem", "random", "iostream", "ctime"}
IMPURE_WORDS = re.compile(r"\b(SteadyClock|wall_seconds|fopen|getenv|rand|random_device)\b")  # base/clock.h itself has the interface
COMMENT = re.compile(r"//.*")
SYSTEM_FOLDERS = {"base", "host", "process", "device", "measure", "adapter", "server", "cli"}
SYSTEM = re.compile(r"^(sys/|linux/|mach/|netinet/|unistd\.h|fcntl\.h|pthread\.h|dlfcn\.h|windows\.h|sched\.h|poll\.h|signal\.h)")


def allowed(folder: str) -> set[str]:
    return NARROWER.get(folder, set(ORDER[: ORDER.index(folder)])) | {folder}


def is_test(path: pathlib.Path) -> bool:
    return path.stem.endswith(("_test", "_bench", "_fuzz")) or path.stem.startswith("test_")


def complaints(src: pathlib.Path) -> list[str]:
    found = []
    for path in sorted(p for p in src.rglob("*") if p.suffix in {".h", ".cpp", ".inl", ".inc", ".cu", ".mm"}):
        name = path.relative_to(src)
        folder = name.parts[0]
        if folder not in ORDER:
            found.append(f"{name}: folder '{folder}' is not in the list of folders")
            continue
        text = path.read_text(encoding="utf-8")
        if folder in PURE and not is_test(path):
            found += [f"{name}: '{folder}' gets clocks, files and random numbers as arguments, not by {word}"
                      for word in sorted(set(IMPURE_WORDS.findall(COMMENT.sub("", text))))]
        for mark, header in INCLUDE.findall(text):
            target = header.split("/")[0]
            if mark == '"':
                if not (src / header).is_file():
                    found.append(f'{name}: "{header}" is not a file of src: includes are written from src')
                elif target not in allowed(folder) and header not in allowed(folder):
                    found.append(f"{name}: '{folder}' may not include '{header}' (it may: {', '.join(sorted(allowed(folder)))})")
            if not is_test(path):
                if folder in PURE and header in IMPURE:
                    found.append(f"{name}: '{folder}' gets clocks, files and random numbers as arguments, not from <{header}>")
                if mark == "<" and folder not in SYSTEM_FOLDERS and SYSTEM.match(header):
                    found.append(f"{name}: <{header}> belongs to an operating system and so behind base, host, process or device")
    return found


class Includes(unittest.TestCase):
    def test_every_include_of_src_follows_the_arrows(self):
        self.assertGreater(len(list((TOP / "src").rglob("*.h"))), 10, "src was not found")
        self.assertEqual(complaints(TOP / "src"), [])

    def check_refused(self, files: dict[str, str], words: str):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = pathlib.Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
            found = complaints(pathlib.Path(folder))
            self.assertEqual(len(found), 1, found)
            self.assertIn(words, found[0])

    def test_an_arrow_against_the_order_is_refused(self):
        self.check_refused({"base/a.h": '#include "tensor/b.h"\n', "tensor/b.h": ""}, "'base' may not include 'tensor/b.h'")

    def test_model_knows_no_file_format(self):
        self.check_refused({"model/a.h": '#include "checkpoint/gguf.h"\n', "checkpoint/gguf.h": ""}, "'model' may not include")

    def test_a_scheduler_with_a_clock_is_refused(self):
        self.check_refused({"schedule/a.cpp": "#include <chrono>\n"}, "gets clocks")

    def test_a_plan_that_makes_its_own_clock_is_refused(self):
        self.check_refused({"base/clock.h": "", "plan/a.cpp": '#include "base/clock.h"\nSteadyClock c;  // not wall_seconds\n'}, "by SteadyClock")

    def test_a_system_header_in_a_kernel_is_refused(self):
        self.check_refused({"kernel/a.cpp": "#include <sys/mman.h>\n"}, "belongs to an operating system")

    def test_an_unknown_folder_is_refused(self):
        self.check_refused({"misc/a.h": ""}, "not in the list of folders")

    def test_an_include_by_a_bare_name_is_refused(self):
        self.check_refused({"base/a.h": "", "base/b.h": '#include "a.h"\n'}, "written from src")


if __name__ == "__main__":
    sys.exit(unittest.main(verbosity=1))
