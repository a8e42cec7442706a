#!/usr/bin/env python3
"""`assay parity --engine` with every engine that is installed: it holds, and says whose logits they are.

    tests/engine_parity_test.py ASSAY MODEL.gguf

It is proven, `verify --run` and doctor start it, and it has one version everywhere. Looks in $ASSAY_HOME; skips (exit 77) where no engine is installed or its worker is older than this program.
"""
import os
import json
import subprocess
import sys
import tempfile

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY, MODEL = sys.argv[1:3]


def assay(*arguments):
    return subprocess.run([ASSAY, *arguments], capture_output=True, text=True, timeout=300 * SLOWER)


def check(condition, words):
    if not condition:
        sys.exit(words)


listed = json.loads(assay("engines", "list", "--json").stdout)
engines = [engine for engine in listed["engines"] if "gguf" in engine["loads"]]
if not engines:
    print("skipped: no engine that reads GGUF is installed")
    sys.exit(77)
tried = assay("engines", "verify", "--run", "--json")
check(tried.returncode == 0 and json.loads(tried.stdout)["ok"], tried.stdout + tried.stderr)
found = json.loads(assay("doctor", "--json").stdout)["findings"]
for engine in engines:
    said = [one for one in found if one["check"] == "engines" and one["text"].startswith(f"{engine['name']} {engine['version']} ")]
    check(len(said) == 1 and said[0]["verdict"] == "ok" and "computes right" in said[0]["text"], f"{engine['name']}: {found}")
held = 0
for engine in engines:
    name = f"{engine['name']}@{engine['version']}:{engine['devices'][0]}"
    done = assay("parity", "--engine", name, "--positions", "16", "--json", "--model", MODEL)
    if done.returncode == 4 and "install this engine again" in done.stderr:
        print(f"skipped: the worker of {name} is of another protocol version")
        continue
    check(done.returncode == 0, f"{name}: exit code {done.returncode}: {done.stdout}{done.stderr}")
    out = json.loads(done.stdout)
    check(out["engine"] == engine["name"] and out["version"] == engine["version"] and out["holds"], f"{name}: {out}")
    check(f"built by {engine['way']}" in out["build"], f"{name}: {out['build']}")
    check(out["positions"] == 16 and 0 < out["max_abs"] <= out["bound"], f"{name}: {out}")
    check(out["decode"]["positions"] == 16 and out["decode"]["holds"] and out["rms_times"] < 1.5, f"{name}: {out}")
    check(out["self"]["tokens"] == 528 and out["self"]["holds"], f"{name}: {out}")
    said = assay("parity", "--engine", name, "--tokens", "1,2,3", "--model", MODEL)
    check(said.returncode == 0 and said.stdout.startswith(f"{engine['name']} ") and "holds: rounding explains every difference" in said.stdout, said.stdout)
    with tempfile.TemporaryDirectory() as folder:
        said = assay("parity", "--engine", name, "--tokens", "1,2,3", "--dump", folder + "/x.npy", "--model", MODEL)
        check(said.returncode == 0 and f"logits of {engine['name']} " in said.stdout, said.stdout + said.stderr)
    held += 1
    print(f"{name}: max_abs {out['max_abs']:.3g}, bound {out['bound']:.3g}")
sys.exit(0 if held else 77)
