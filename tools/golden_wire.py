#!/usr/bin/env python3
"""Writes tests/golden/wire/: one frame of every message between assay and a worker, written by hand from docs/workers.md.

Needs nothing but Python. The files are also the seeds of the fuzz target wire_fuzz.
"""
import json
import pathlib
import struct

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "tests/golden/wire"


def frame(kind: int, call: int, body: bytes) -> bytes:
    return b"ASSY" + struct.pack("<HHII", 2, kind, call, len(body)) + body


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<H", len(data)) + data


SETTINGS = {"model": "/models/größer.gguf", "device": "cpu", "context": 4096, "sequences": 2, "batch": 512, "ubatch": 256,
            "threads": 8, "kv": "q8_0", "flash_attention": True, "map_file": True, "lock_memory": False, "cache_bytes": 0}
FACTS = {"facts": {"name": "llama.cpp", "version": "0.3.36", "build": "abc", "device": "cpu", "kernel_path": "cpu, flash attention on",
                   "context": 4096, "sequences": 2, "batch": 512, "vocab": 151936, "hidden": 1024, "embedding": 0, "turns": False,
                   "decodes": False, "rewind": "checkpoint", "kv_type": "q8_0", "activations": "q8_0", "notes": ["one", "two"],
                   "deterministic": False},
         "memory": {"weights": 335000000, "kv": 117440512, "scratch": 1000000}}

FRAMES = {
    "01_hello": frame(1, 0, text("llama.cpp") + text("0.3.36") + text("abc, -O3")),
    "02_load": frame(2, 1, json.dumps(SETTINGS).encode()),
    "03_progress": frame(3, 1, struct.pack("<d", 0.25)),
    "04_loaded": frame(4, 1, json.dumps(FACTS).encode()),
    "05_forward": frame(5, 3, struct.pack("<IIII", 2, 0, 0, 0) + struct.pack("<IIiBBH", 0, 0, 7, 0, 0, 0)
                        + struct.pack("<IIiBBH", 1, 5, 151935, 1, 0, 0)),
    "06_done": frame(6, 3, struct.pack("<IIq", 1, 0, 1_500_000)),
    "07_forget": frame(7, 4, struct.pack("<III", 1, 5, 4096)),
    "08_share": frame(8, 5, struct.pack("<III", 0, 1, 1)),
    "09_memory": frame(9, 6, b""),
    "10_memory_use": frame(10, 6, struct.pack("<QQQ", 335000000, 117440512, 1000000)),
    "11_error": frame(11, 7, struct.pack("<HQ", 4, 0) + "no KV page is free".encode()),
    "12_close": frame(12, 8, b""),
    "13_decode": frame(13, 9, struct.pack("<II", 1, 3) + struct.pack("<IIifIffIQQ", 0, 6, 9, 0.5, 40, 1.0, 0.25, 2, 1 << 40, 5)
                       + struct.pack("<ii", 2, 151645)),
    "14_drawn": frame(14, 9, struct.pack("<IIq", 2, 0, 3_000_000) + struct.pack("<iii", 11, 2, -1)),
    "15_forward_of_embeddings": frame(5, 10, struct.pack("<IIII", 2, 2, 1, 0) + struct.pack("<IIiBBH", 0, 7, 0, 0, 1, 0)
                                      + struct.pack("<IIiBBH", 0, 8, 1, 2, 1, 0) + struct.pack("<IIIIII", 7, 7, 7, 7, 7, 8)),
}

FOLDER.mkdir(parents=True, exist_ok=True)
for name, data in FRAMES.items():
    (FOLDER / f"{name}.bin").write_bytes(data)
    print(f"{name}: {len(data)} bytes")
