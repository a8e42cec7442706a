#!/usr/bin/env python3
"""Writes tests/golden/gguf, safetensors, mlx and hf_config: small files made by other programs, with what is in them as JSON.

usage: tools/golden_checkpoint.py gguf|safetensors|mlx|hf_config
gguf by the gguf package (pip install gguf), safetensors by the safetensors package with numpy, mlx by mlx.core (pip install
'mlx[cpu]'), hf_config by the installed transformers; run the last one once with transformers 4 and once with 5.
"""
import json
import pathlib
import sys
import zlib
from importlib.metadata import version

import numpy as np

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden"
random = np.random.default_rng(20260102)


def folder(name):
    path = GOLDEN / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def note(path, made_by, **content):
    made = ", ".join(f"{package} {version(package)}" for package in made_by)
    path.write_text(json.dumps({"made_by": f"tools/golden_checkpoint.py, {made}", **content}, indent=1) + "\n")


def entry(name, dtype, shape, data):
    return {"name": name, "dtype": dtype, "shape": list(shape), "crc32": zlib.crc32(data.tobytes())}


def make_gguf():
    import gguf
    out = folder("gguf")
    kinds = gguf.GGUFValueType
    values = [("u8", 200, kinds.UINT8), ("i8", -100, kinds.INT8), ("u16", 60000, kinds.UINT16), ("i16", -30000, kinds.INT16),
              ("u32", 4000000000, kinds.UINT32), ("i32", -2000000000, kinds.INT32), ("u64", 2**63, kinds.UINT64),
              ("i64", -2**62, kinds.INT64), ("f32", 0.15625, kinds.FLOAT32), ("f64", 0.1, kinds.FLOAT64),
              ("bool", True, kinds.BOOL), ("string", "grüße", kinds.STRING)]
    lists = [("strings", ["a", "", "日本"]), ("ints", [1, -2, 3]), ("floats", [0.5, -2.0])]

    def writer_of(path, **more):
        writer = gguf.GGUFWriter(path, "llama", **more)
        for key, value, kind in values:
            writer.add_key_value("v." + key, value, kind)
        for key, value in lists:
            writer.add_array("v." + key, value)
        return writer

    tensors = []
    writer = writer_of(out / "values.gguf")
    writer.add_custom_alignment(64)
    for name in "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS MXFP4 IQ2_XXS TQ1_0".split():
        kind = gguf.GGMLQuantizationType[name]
        block, size = gguf.GGML_QUANT_SIZES[kind]
        raw = random.integers(0, 256, (3, size if block > 1 else 5 * size), dtype=np.uint8)
        writer.add_tensor(name.lower(), raw, raw_dtype=kind)
        tensors.append(entry(name.lower(), name.lower(), (3, block if block > 1 else 5), raw))
    write(writer)
    split = writer_of(out / "split.gguf", split_max_tensors=2)
    parts = []
    for name in ("one", "two", "three"):
        data = random.normal(0, 1, (2, 4)).astype(np.float32)
        split.add_tensor(name, data)
        parts.append(entry(name, "f32", data.shape, data))
    write(split)
    note(out / "expected.json", ["gguf", "numpy"], values={key: value for key, value, _ in values}, lists=dict(lists),
         tensors=tensors, split=parts)


def write(writer):
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_safetensors():
    from safetensors.numpy import save_file
    out = folder("safetensors")
    kinds = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "i8": np.int8, "i16": np.int16, "i32": np.int32,
             "i64": np.int64, "u8": np.uint8, "u16": np.uint16, "u32": np.uint32, "u64": np.uint64, "bool": np.bool_}
    data = {name: np.ascontiguousarray(random.integers(0, 2, (3, 5)).astype(kind)) for name, kind in kinds.items()}
    data["scalar"] = np.array(3.5, dtype=np.float32)
    data["empty"] = np.zeros((0, 4), dtype=np.float32)
    save_file(data, out / "types.safetensors", metadata={"format": "pt"})
    (out / "types.safetensors").chmod(0o644)
    tensors = [entry(name, {"float32": "f32"}.get(str(array.dtype), name) if name in ("scalar", "empty") else name, array.shape, array)
               for name, array in data.items()]
    note(out / "expected.json", ["safetensors", "numpy"], tensors=tensors)


def make_mlx():
    import mlx.core as mx
    out = folder("mlx")
    hidden, ffn, heads, kv, dim, vocab, layers = 64, 128, 2, 1, 32, 48, 1
    shapes = {"model.embed_tokens": (vocab, hidden)}
    for layer in range(layers):
        at = f"model.layers.{layer}."
        shapes |= {at + "self_attn.q_proj": (heads * dim, hidden), at + "self_attn.k_proj": (kv * dim, hidden),
                   at + "self_attn.v_proj": (kv * dim, hidden), at + "self_attn.o_proj": (hidden, heads * dim),
                   at + "mlp.gate_proj": (ffn, hidden), at + "mlp.up_proj": (ffn, hidden), at + "mlp.down_proj": (hidden, ffn)}
    modules = {"model.embed_tokens": {"group_size": 32, "bits": 8}, "model.layers.0.self_attn.v_proj": False,
               "model.layers.0.mlp.down_proj": {"group_size": 128, "bits": 4}}
    usual = {"group_size": 64, "bits": 4, "mode": "affine"}
    weights, expected = {}, []
    for name, shape in shapes.items():
        values = mx.array(random.normal(0, 0.1, shape).astype(np.float32)).astype(mx.bfloat16)
        form = modules.get(name, usual)
        if form is False:
            weights[name + ".weight"] = values
            expected.append(entry(name, "bf16", shape, np.array(values.view(mx.uint16))))
            continue
        packed, scales, biases = mx.quantize(values, group_size=form["group_size"], bits=form["bits"])
        weights |= {name + ".weight": packed, name + ".scales": scales, name + ".biases": biases}
        expected.append({**entry(name, f"affine{form['bits']}", shape, np.array(packed)), "group": form["group_size"],
                         "scales_crc32": zlib.crc32(np.array(scales.view(mx.uint16)).tobytes()),
                         "biases_crc32": zlib.crc32(np.array(biases.view(mx.uint16)).tobytes())})
    for name in ("model.norm", "model.layers.0.input_layernorm", "model.layers.0.post_attention_layernorm"):
        weights[name + ".weight"] = mx.ones((hidden,), dtype=mx.bfloat16)
    mx.save_safetensors(str(out / "model.safetensors"), weights, metadata={"format": "mlx"})
    quantization = {**usual, **modules}
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": hidden, "intermediate_size": ffn,
              "num_attention_heads": heads, "num_key_value_heads": kv, "head_dim": dim, "num_hidden_layers": layers,
              "vocab_size": vocab, "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
              "tie_word_embeddings": True, "quantization": quantization, "quantization_config": quantization}
    (out / "config.json").write_text(json.dumps(config, indent=4) + "\n")
    note(out / "expected.json", ["mlx", "numpy"], tensors=expected)


def make_hf_config():
    import transformers
    out = folder("hf_config")
    five = int(transformers.__version__.split(".")[0]) >= 5
    sizes = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4,
             "num_key_value_heads": 2, "head_dim": 16, "vocab_size": 32, "max_position_embeddings": 4096}

    def rope(theta, **scaling):
        if five:
            return {"rope_parameters": {"rope_type": "default", **scaling, "rope_theta": theta}}
        return {"rope_theta": theta, "rope_scaling": scaling or None}

    llama3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
              "original_max_position_embeddings": 512}
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 1024}
    configs = {
        "llama": transformers.LlamaConfig(**sizes, **rope(10000.0)),
        "llama-llama3": transformers.LlamaConfig(**sizes, **rope(500000.0, **llama3), tie_word_embeddings=True),
        "llama-linear": transformers.LlamaConfig(**sizes, **rope(10000.0, rope_type="linear", factor=2.0)),
        "mistral-window": transformers.MistralConfig(**sizes, **rope(10000.0), sliding_window=64),
        "mistral": transformers.MistralConfig(**sizes, **rope(1000000.0), sliding_window=None),
        "qwen2": transformers.Qwen2Config(**sizes, **rope(1000000.0)),
        "qwen2-window": transformers.Qwen2Config(**sizes, **rope(1000000.0), use_sliding_window=True, sliding_window=64,
                                                 max_window_layers=1),
        "qwen3-yarn": transformers.Qwen3Config(**sizes, **rope(1000000.0, **yarn), tie_word_embeddings=True),
    }
    for name, config in configs.items():
        config.architectures = [type(config).__name__.replace("Config", "ForCausalLM")]
        config.save_pretrained(out / "tmp")
        (out / f"{name}.transformers{5 if five else 4}.json").write_text((out / "tmp" / "config.json").read_text())
        (out / "tmp" / "config.json").unlink()
        (out / "tmp").rmdir()


if __name__ == "__main__":
    if len(sys.argv) != 2 or "make_" + sys.argv[1] not in globals():
        sys.exit(__doc__)
    globals()["make_" + sys.argv[1]]()
