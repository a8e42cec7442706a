#!/usr/bin/env python3
"""Writes tests/golden/dequantize.json: blocks of random bytes per type and the floats that other programs make of them.

GGUF types by the gguf package's numpy code, MLX affine types by mlx itself. Needs: pip install numpy gguf 'mlx[cpu]'.
"""
import json
import pathlib
from importlib.metadata import version

import gguf
import mlx.core as mx
import numpy as np

random = np.random.default_rng(20260101)
TYPES = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4".split()
# Byte offsets of the halves of a block: given finite values, since random bytes would make NaNs.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "F16": [0]}
out = {"made_by": f"tools/golden_dequantize.py, gguf {version('gguf')}, mlx {version('mlx')}, numpy {version('numpy')}",
       "types": {}}


def halves(count):
    values = random.normal(0, 1, count).astype(np.float16)
    values[0] = np.float16(6e-8)  # the least subnormal
    return values


for name in TYPES:
    kind = gguf.GGMLQuantizationType[name]
    block, size = gguf.GGML_QUANT_SIZES[kind]
    count = 2 if block == 256 else 4 if block == 32 else 37
    raw = random.integers(0, 256, (count, size), dtype=np.uint8)
    if name in ("F32", "BF16"):
        raw = np.ascontiguousarray(random.normal(0, 1, count).astype(np.float32)).view(np.uint8).reshape(count, 4)[:, 4 - size:]
    for at in HALVES.get(name, []):
        raw[:, at:at + 2] = halves(count).view(np.uint8).reshape(count, 2)
    if name == "MXFP4":
        raw[:, 0] = [0, 1, 130, 254]
    raw = np.ascontiguousarray(raw).reshape(1, -1)
    if name == "F32":
        values = raw.view(np.float32)
    elif name == "F16":
        values = raw.view(np.float16).astype(np.float32)
    else:
        values = gguf.dequantize(raw, kind).astype(np.float32)
    out["types"][name.lower()] = {"bytes": raw.tobytes().hex(), "floats": values.tobytes().hex()}

out["affine"] = []
for bits, group, dtype in [(4, 32, mx.float16), (4, 64, mx.bfloat16), (4, 128, mx.float32), (8, 32, mx.float32), (8, 64, mx.float16),
                           (8, 128, mx.bfloat16)]:
    weights = mx.array(random.normal(0, 1, (3, 128)).astype(np.float32))
    packed, scales, biases = mx.quantize(weights, group_size=group, bits=bits)
    # Scales of the stored type; the arithmetic in float32, so that only the last sum rounds.
    scales, biases = scales.astype(dtype), biases.astype(dtype)
    values = mx.dequantize(packed, scales.astype(mx.float32), biases.astype(mx.float32), group_size=group, bits=bits)

    def stored(array):
        return np.array(array.view(mx.uint16) if dtype != mx.float32 else array).tobytes().hex()

    out["affine"].append({"bits": bits, "group": group, "scale_dtype": {mx.float16: "f16", mx.bfloat16: "bf16", mx.float32: "f32"}[dtype],
                          "rows": 3, "columns": 128, "bytes": np.array(packed).tobytes().hex(), "scales": stored(scales),
                          "biases": stored(biases), "floats": np.array(values).astype(np.float32).tobytes().hex()})

path = pathlib.Path(__file__).parent.parent / "tests/golden/dequantize.json"
path.write_text(json.dumps(out, indent=1) + "\n")
print(path, path.stat().st_size, "bytes;", out["made_by"])
