#!/usr/bin/env python3
"""Runs every ```sh block of one page, as a reader would type it, and follows every relative link.

usage: tests/docs_test.py PAGE.md BIN        BIN: the folder that holds `assay`

The blocks of a page run in order, by `bash -euo pipefail`, in a scratch folder that has the project's top-level entries in it (so
`models/...` is there, and what a block writes is thrown away), with BIN first on PATH and an empty $ASSAY_HOME. A block must end
with exit code 0. A comment on the line before a block says otherwise:
    <!-- sh: exit 3 -->              the last command must end with this code; `exit 0 1`: with one of these
    <!-- sh: needs NAME... -->       skipped where one of these programs (or paths, with a slash) is not there
    <!-- sh: not run, REASON -->     shown, not run
"""
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
# A command shown in a page answers while the reader still looks at it. ASSAY_SLOWER: by how much this build's checks slow it.
LIMIT_S = 120 * int(os.environ.get("ASSAY_SLOWER", "1"))
SKIPPED = 77  # ctest: SKIP_RETURN_CODE
FENCE = re.compile(r"^( *)```(\w*)\s*$")
MARK = re.compile(r"^\s*<!-- sh: (.+?) -->\s*$")
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@dataclasses.dataclass
class Block:
    line: int
    script: str
    exit_codes: list[int] = dataclasses.field(default_factory=lambda: [0])
    needs: list[str] = dataclasses.field(default_factory=list)
    not_run: str = ""


def blocks_of(text: str) -> list[Block]:
    """The sh blocks of a page. ValueError names the line of a fence that does not end or a mark that says nothing known."""
    found: list[Block] = []
    lines = text.split("\n")
    i = 0
    while i < len(lines):
        fence = FENCE.match(lines[i])
        if not fence:
            i += 1
            continue
        start, indent, language = i, fence.group(1), fence.group(2)
        i += 1
        body = []
        while i < len(lines) and lines[i].strip() != "```":
            body.append(lines[i].removeprefix(indent))
            i += 1
        if i == len(lines):
            raise ValueError(f"line {start + 1}: a block that does not end")
        i += 1
        if language != "sh":
            continue
        block = Block(start + 1, "\n".join(body) + "\n")
        mark = MARK.match(lines[start - 1]) if start else None
        if mark:
            words = mark.group(1).split()
            if words[0] == "exit" and len(words) > 1 and all(word.isdigit() for word in words[1:]):
                block.exit_codes = [int(word) for word in words[1:]]
            elif words[0] == "needs" and len(words) > 1:
                block.needs = words[1:]
            elif words[:2] == ["not", "run,"] and len(words) > 2:
                block.not_run = " ".join(words[2:])
            else:
                raise ValueError(f"line {start}: '{mark.group(1)}' is no mark: exit N..., needs NAME..., or: not run, REASON")
        found.append(block)
    return found


def is_there(name: str, scratch: pathlib.Path) -> bool:
    return (scratch / name).exists() if "/" in name else shutil.which(name) is not None


def dead_links(page: pathlib.Path, text: str) -> list[str]:
    return [target for target in LINK.findall(text) if "://" not in target and not target.startswith("mailto:")
            and not (page.parent / target).exists()]


def run_script(script: str, folder: pathlib.Path, env: dict[str, str], limit_s: float = LIMIT_S) -> tuple[int, str]:
    """Exit code and output; -1 where it did not end, and then nothing that it started goes on."""
    shell = subprocess.Popen(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=env, stdin=subprocess.DEVNULL, text=True,
                             errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        output, _ = shell.communicate(timeout=limit_s)
        return shell.returncode, output
    except subprocess.TimeoutExpired:
        assert shell.pid > 1
        os.killpg(shell.pid, signal.SIGKILL)
        shell.communicate()
        return -1, f"no end within {limit_s} s"


def run_page(page: pathlib.Path, bin_folder: pathlib.Path) -> int:
    text = page.read_text(encoding="utf-8")
    bad = [f"a link to '{target}', which is not there" for target in dead_links(page, text)]
    try:
        blocks = blocks_of(text)
    except ValueError as error:
        blocks = []
        bad.append(str(error))
    ran = 0
    with tempfile.TemporaryDirectory() as folder:
        scratch = pathlib.Path(folder, "assay")
        scratch.mkdir()
        for entry in TOP.iterdir():
            if entry.name not in {".git", "build"}:
                (scratch / entry.name).symlink_to(entry)
        env = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "ASSAY_HOME": f"{folder}/home", "HOME": folder, "NO_COLOR": "1"}
        for block in blocks:
            if block.not_run:
                print(f"{page.name}:{block.line}: not run: {block.not_run}")
                continue
            absent = [name for name in block.needs if not is_there(name, scratch)]
            if absent:
                print(f"{page.name}:{block.line}: skipped: {', '.join(absent)} is not here")
                continue
            code, output = run_script(block.script, scratch, env)
            ran += 1
            if code not in block.exit_codes:
                bad.append(f"line {block.line}: exit code {code}, expected {' or '.join(map(str, block.exit_codes))}\n{block.script}{output[-2000:]}")
    for complaint in bad:
        print(f"{page.name}: {complaint}")
    print(f"{page.name}: {ran} blocks ran, {len(bad)} complaints")
    return 1 if bad else 0 if ran or not any(b.needs for b in blocks) else SKIPPED


def self_test() -> int:
    """The reader of pages itself: what it finds, and that it refuses what it should."""
    found = blocks_of("a\n```sh\ntrue\n```\n<!-- sh: exit 3 -->\n  ```sh\n  exit 3\n  ```\n```text\nno\n```\n<!-- sh: not run, why -->\n```sh\nx\n```\n")
    assert [(b.line, b.script, b.exit_codes, b.not_run) for b in found] == [
        (2, "true\n", [0], ""), (6, "exit 3\n", [3], ""), (13, "x\n", [0], "why")], found
    for text in ("```sh\ntrue\n", "<!-- sh: perhaps -->\n```sh\ntrue\n```\n"):
        try:
            blocks_of(text)
        except ValueError:
            continue
        raise AssertionError(f"not refused: {text!r}")
    with tempfile.TemporaryDirectory() as folder:
        page = pathlib.Path(folder, "page.md")
        for text, code in (("```sh\ntrue\n```\n", 0), ("```sh\nfalse\ntrue\n```\n", 1), ("<!-- sh: exit 1 -->\n```sh\nfalse\n```\n", 0),
                           ("[x](absent.md)\n", 1), ("<!-- sh: needs no-such-program -->\n```sh\nfalse\n```\n", SKIPPED)):
            page.write_text(text)
            assert run_page(page, pathlib.Path("/usr/bin")) == code, text
        # The end of a block that takes too long is that of its children too: they hold the pipe that is read to its end.
        began = time.monotonic()
        assert run_script("sleep 60\ntrue", pathlib.Path(folder), dict(os.environ), 0.5) == (-1, "no end within 0.5 s")
        assert time.monotonic() - began < 30
    return 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(run_page(pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()))
