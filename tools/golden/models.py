#!/usr/bin/env python3
"""Golden logits of tiny random models from an independent implementation (transformers on torch, float32, CPU).

Writes tests/golden/models/NAME/{config.json,model.safetensors,logits.json}: weights in BF16 (read back before the
logits are computed, so both sides see the same numbers), 48 tokens, logits at eight positions.

    python3 -m venv v && v/bin/pip install torch transformers safetensors
    v/bin/python tools/golden/models.py tests/golden/models [NAME...]
"""
import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

SEED = 20260726
TOKENS = 48
POSITIONS = [0, 1, 7, 15, 16, 30, 46, 47]
SIZES = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=16, vocab_size=64, max_position_embeddings=64, bos_token_id=1, eos_token_id=2)
THETA = 10000.0


def rope(**scaling):
    return dict(rope_theta=THETA, **scaling)


def gemma3_rope(**full):
    return dict(rope_parameters=dict(full_attention=dict(rope_theta=50000.0, **full),
                                     sliding_attention=dict(rope_theta=THETA, rope_type="default")))


MODELS = {
    "llama-plain": (LlamaConfig, dict(rope_parameters=rope(rope_type="default"), tie_word_embeddings=False)),
    "llama-linear": (LlamaConfig, dict(rope_parameters=rope(rope_type="linear", factor=4.0), tie_word_embeddings=True)),
    "llama-llama3": (LlamaConfig, dict(rope_parameters=rope(
        rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
        original_max_position_embeddings=16))),
    "llama-yarn": (LlamaConfig, dict(rope_parameters=rope(
        rope_type="yarn", factor=4.0, original_max_position_embeddings=16, beta_fast=32.0, beta_slow=1.0))),
    "mistral-window": (MistralConfig, dict(rope_parameters=rope(rope_type="default"), sliding_window=16)),
    "qwen2-bias": (Qwen2Config, dict(rope_parameters=rope(rope_type="default"), tie_word_embeddings=True)),
    "qwen2-window": (Qwen2Config, dict(rope_parameters=rope(rope_type="default"), use_sliding_window=True,
                                       sliding_window=8, max_window_layers=1)),
    "qwen3-tied": (Qwen3Config, dict(rope_parameters=rope(rope_type="default"), tie_word_embeddings=True)),
    "qwen3-yarn": (Qwen3Config, dict(rope_parameters=rope(
        rope_type="yarn", factor=2.0, original_max_position_embeddings=32))),
    "gemma3": (Gemma3TextConfig, dict(gemma3_rope(rope_type="default"), query_pre_attn_scalar=16, sliding_window=9,
                                      layer_types=["sliding_attention", "full_attention"])),
    "gemma3-scaled": (Gemma3TextConfig, dict(gemma3_rope(rope_type="linear", factor=8.0), query_pre_attn_scalar=24,
                                             sliding_window=5, layer_types=["sliding_attention", "full_attention"])),
}


def transformers4(config):
    """The same config as transformers 4 wrote it: rope_theta and rope_scaling at the top, torch_dtype."""
    old = {k: v for k, v in config.items() if k not in ("rope_parameters", "dtype", "layer_types")}
    parameters = dict(config["rope_parameters"])
    if "full_attention" in parameters:  # gemma3: a base of its own for layers that slide, which take turns with others
        old["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        old["sliding_window_pattern"] = 2
        parameters = dict(parameters["full_attention"])
    old["rope_theta"] = parameters.pop("rope_theta")
    old["rope_scaling"] = None if parameters.get("rope_type", "default") == "default" else parameters
    old["torch_dtype"] = config.get("dtype", "bfloat16")
    old["transformers_version"] = "4.51.0"
    return old


def main(out, *names):
    out = pathlib.Path(out)
    for name, (kind, extra) in MODELS.items():
        if names and name not in names:
            continue
        torch.manual_seed(SEED)
        config = kind(**SIZES, **extra)
        config.initializer_range = 0.15
        model = AutoModelForCausalLM.from_config(config, attn_implementation="eager", dtype=torch.float32)
        with torch.no_grad():
            for key, value in model.named_parameters():
                if key.endswith("norm.weight"):
                    value.add_(torch.randn_like(value) * 0.1)
                if key.endswith("bias"):
                    value.copy_(torch.randn_like(value) * 0.2)
        folder = out / name
        model.to(torch.bfloat16).save_pretrained(folder)
        model = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32)
        generator = torch.Generator().manual_seed(SEED)
        tokens = torch.randint(3, SIZES["vocab_size"], (1, TOKENS), generator=generator)
        with torch.no_grad():
            logits = model.eval()(tokens).logits[0]
        (folder / "logits.json").write_text(json.dumps({
            "made_by": f"tools/golden/models.py, transformers {transformers.__version__}, torch {torch.__version__}",
            "seed": SEED, "tokens": tokens[0].tolist(), "positions": POSITIONS,
            "logits": [[round(float(x), 6) for x in logits[p]] for p in POSITIONS]}) + "\n")
        (folder / "generation_config.json").unlink(missing_ok=True)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.transformers4.json").write_text(json.dumps(transformers4(config), indent=2) + "\n")
        print(name, f"{sum(p.numel() for p in model.parameters())} parameters")


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["tests/golden/models"]))
