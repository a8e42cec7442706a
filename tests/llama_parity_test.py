#!/usr/bin/env python3
"""Greedy text of 200 tokens by direct and by llama.cpp on one file: equal, or the first difference is explained.

    ASSAY_LLAMA_BIN=DIR tests/llama_parity_test.py ASSAY MODEL.gguf

DIR holds llama-completion of a llama.cpp build (for example from the source of PyPI's llama-cpp-python 0.3.36). Skips
(exit 77) where it or the model is absent. A difference is explained where the double-precision reference's gap between
the two tokens is within twice the bound that `assay parity` derives from sizes and types.
"""
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

TOKENS = 200
PROMPTS = [
    "<|im_start|>user\nTell me a story about a fox and a river.<|im_end|>\n<|im_start|>assistant\n",
    "Once upon a time there was a",
    "<|im_start|>user\nName five animals.<|im_end|>\n<|im_start|>assistant\n",
]


def run(*command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, timeout=600 * SLOWER)
    if done.returncode not in (0, 1):
        sys.exit(f"{command[0]} ended with {done.returncode}: {done.stderr.decode(errors='replace')[-500:]}")
    return done.stdout


def direct(assay, model, prompt):
    out = json.loads(run(assay, "run", "--raw", "--parse-special", "--json", "-m", model, "-n", str(TOKENS), prompt))
    return out["text"], out["tokens"]


def llama(binary, model, prompt):
    out = run(binary, "-m", model, "-p", prompt, "-n", str(TOKENS), "--temp", "0", "-no-cnv", "--no-display-prompt",
              "--simple-io", "-t", "2", "--no-warmup")
    return out.decode(errors="replace").replace(" [end of text]", "").rstrip("\n")


def tokenize(assay, model, text):
    out = run(assay, "tokenize", "--json", "--parse-special", "-m", model, text=text.encode())
    return json.loads(out)["tokens"]


def read_last_row(path):
    data = pathlib.Path(path).read_bytes()
    size = struct.unpack("<H", data[8:10])[0]
    rows, columns = eval(data[10:10 + size].decode())["shape"]  # a literal that assay wrote
    start = 10 + size + (rows - 1) * columns * 4
    return struct.unpack(f"<{columns}f", data[start:start + columns * 4])


def gap_and_bound(assay, model, tokens, one, other):
    with tempfile.TemporaryDirectory() as folder:
        path = folder + "/logits.npy"
        ids = ",".join(map(str, tokens))
        run(assay, "parity", "-m", model, "--tokens", ids, "--positions", "1", "--logits-of", "reference", "--dump", path)
        row = read_last_row(path)
        bound = json.loads(run(assay, "parity", "--json", "-m", model, "--tokens", ids, "--positions", "1"))["bound"]
    return abs(row[one] - row[other]), bound


def main():
    assay, model = sys.argv[1:3]
    folder = os.environ.get("ASSAY_LLAMA_BIN", "")
    binary = pathlib.Path(folder, "llama-completion")
    if not folder or not binary.exists() or not pathlib.Path(model).exists():
        print("skipped: set ASSAY_LLAMA_BIN to a folder with llama-completion to compare with llama.cpp")
        return 77
    failed = 0
    for prompt in PROMPTS:
        ours, our_tokens = direct(assay, model, prompt)
        theirs = llama(str(binary), model, prompt)
        if ours.rstrip("\n") == theirs:
            print(f"equal, {len(our_tokens)} tokens: {ours[:60]!r}...")
            continue
        their_tokens = tokenize(assay, model, prompt + theirs)[len(tokenize(assay, model, prompt)):]
        same = 0
        while same < min(len(our_tokens), len(their_tokens)) and our_tokens[same] == their_tokens[same]:
            same += 1
        if same >= len(our_tokens) or same >= len(their_tokens):
            print(f"FAIL: one text ends at token {same}:\n  direct    {ours!r}\n  llama.cpp {theirs!r}")
            failed += 1
            continue
        context = tokenize(assay, model, prompt) + our_tokens[:same]
        gap, bound = gap_and_bound(assay, model, context, our_tokens[same], their_tokens[same])
        explained = gap <= 2 * bound
        failed += not explained
        print(f"{'explained' if explained else 'FAIL'}: differ at token {same}, gap {gap:.4f}, bound {bound:.4f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
