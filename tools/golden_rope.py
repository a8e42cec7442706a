#!/usr/bin/env python3
"""Writes tests/golden/rope.json: frequencies of scaled rotary embeddings as mlx-lm computes them (float32).

Needs: pip install 'mlx[cpu]' and pip install --no-deps mlx-lm.
"""
import importlib.util
import json
import pathlib
from importlib.metadata import distribution, version

import numpy as np

# Only this module: the package itself imports transformers.
source = distribution("mlx-lm").locate_file("mlx_lm/models/rope_utils.py")
spec = importlib.util.spec_from_file_location("rope_utils", source)
rope_utils = importlib.util.module_from_spec(spec)
spec.loader.exec_module(rope_utils)

CASES = [
    (64, 500000.0, {"rope_type": "llama3", "factor": 32.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                    "original_max_position_embeddings": 8192}),
    (128, 500000.0, {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                     "original_max_position_embeddings": 8192}),
    (128, 1000000.0, {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768}),
    (64, 10000.0, {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 4096, "beta_fast": 24, "beta_slow": 2}),
    (128, 10000.0, {"rope_type": "yarn", "factor": 40.0, "original_max_position_embeddings": 4096}),
]
out = {"made_by": f"tools/golden_rope.py, mlx-lm {version('mlx-lm')}, mlx {version('mlx')}", "cases": []}
for dims, theta, scaling in CASES:
    rope = rope_utils.initialize_rope(dims, theta, False, scaling, 131072)
    frequencies = 1 / np.array(rope._freqs, dtype=np.float64)  # mlx keeps the inverse
    out["cases"].append({"dims": dims, "theta": theta, **scaling, "magnitude": float(getattr(rope, "mscale", 1.0)),
                         "frequencies": [float(f"{f:.9g}") for f in frequencies]})
path = pathlib.Path(__file__).parent.parent / "tests/golden/rope.json"
path.write_text(json.dumps(out, indent=None, separators=(", ", ": ")).replace("{\"dims", "\n{\"dims") + "\n")
print(path, path.stat().st_size, "bytes;", out["made_by"])
