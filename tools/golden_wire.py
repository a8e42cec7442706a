#!/usr/bin/env python3
"""Writes tests/golden/wire/: one frame of every message between assay and a worker, written by hand from docs/workers.md.

Needs nothing but Python. The files are also the seeds of the fuzz target wire_fuzz.
"""
import json
import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/wire"


def frame(kind: int, call: int, body: bytes) -> bytes:
    return b"ASSY" + struct.pack("<HHII", 1, kind, call, len(body)) + body


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<H", len(data)) + data


SETTINGS = {"model": "/models/größer.gguf", "device": "cpu", "context": 4096, "sequences": 2, "batch": 512, "ubatch": 256,
            "threads": 8, "kv": "q8_0", "flash_attention": True, "map_file": True, "lock_memory": False, "cache_bytes": 0}
FACTS = {"facts": {"name": "llama.cpp", "version": "0.3.36", "build": "abc", "device": "cpu", "context": 4096, "sequences": 2,
                   "batch": 512, "vocab": 151936, "kv_type": "q8_0", "activations": "q8_0", "notes": ["one", "two"],
                   "deterministic": False},
         "memory": {"weights": 335000000, "kv": 117440512, "scratch": 1000000}}

FRAMES = {
    "01_hello": frame(1, 0, text("llama.cpp") + text("0.3.36") + text("abc, -O3")),
    "02_load": frame(2, 1, json.dumps(SETTINGS).encode()),
    "03_progress": frame(3, 1, struct.pack("<d", 0.25)),
    "04_loaded": frame(4, 1, json.dumps(FACTS).encode()),
    "05_forward": frame(5, 3, struct.pack("<I", 2) + struct.pack("<IIiI", 0, 0, 7, 0) + struct.pack("<IIiI", 1, 5, 151935, 1)),
    "06_done": frame(6, 3, struct.pack("<IIq", 1, 0, 1_500_000)),
    "07_forget": frame(7, 4, struct.pack("<III", 1, 5, 4096)),
    "08_share": frame(8, 5, struct.pack("<III", 0, 1, 1)),
    "09_memory": frame(9, 6, b""),
    "10_memory_use": frame(10, 6, struct.pack("<QQQ", 335000000, 117440512, 1000000)),
    "11_error": frame(11, 7, struct.pack("<HQ", 4, 0) + "no KV page is free".encode()),
    "12_close": frame(12, 8, b""),
}

FOLDER.mkdir(parents=True, exist_ok=True)
for name, data in FRAMES.items():
    (FOLDER / f"{name}.bin").write_bytes(data)
    print(f"{name}: {len(data)} bytes")
