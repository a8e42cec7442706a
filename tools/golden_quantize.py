#!/usr/bin/env python3
"""Writes tests/golden/quantize.json: a row of floats and the bytes that the gguf package's numpy code quantizes it to.

Needs: pip install numpy gguf.
"""
import json
import pathlib
from importlib.metadata import version

import gguf
import numpy as np

random = np.random.default_rng(7)
blocks = [random.normal(0, 0.02, 32), np.zeros(32), random.uniform(0.5, 1, 32), -random.uniform(0.5, 1, 32),
          np.arange(32) - 16.0, np.linspace(-127, 127, 32), np.full(32, 0.3), random.standard_t(3, 32),
          random.normal(0, 1e-6, 32), random.normal(0, 1e4, 32), np.arange(32) * 0.25, np.where(np.arange(32) == 5, -2.0, 0.0)]
row = np.concatenate(blocks).astype(np.float32)
out = {"made_by": f"tools/golden_quantize.py, gguf {version('gguf')}, numpy {version('numpy')}", "floats": row.tobytes().hex(), "types": {}}
for name in "F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 MXFP4".split():
    kind = gguf.GGMLQuantizationType[name]
    quantized = gguf.quantize(row.reshape(1, -1), kind)
    out["types"][name.lower()] = quantized.tobytes().hex()
path = pathlib.Path(__file__).parent.parent / "tests/golden/quantize.json"
path.write_text(json.dumps(out, indent=1) + "\n")
print(path, path.stat().st_size, "bytes;", out["made_by"])
