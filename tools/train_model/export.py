"""Writes the GGUF file: qwen3 architecture, Q4_0 matrices, Q8_0 embedding (also the output head), F32 norms."""

import json
import os

import gguf
import numpy as np

TEMPLATE = ("{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
            "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}")


def metadata(w, c, tok, file_type):
    w.add_type("model")
    w.add_name("Assay Small")
    w.add_basename("assay-small")
    w.add_size_label("27M")
    w.add_author("Assay")
    w.add_license("apache-2.0")
    w.add_description("A small model for simple English, trained from nothing on text made by a script (tools/train_model).")
    w.add_languages(["en"])
    w.add_tags(["text-generation", "chat"])
    w.add_file_type(file_type)
    w.add_quantization_version(2)
    w.add_block_count(c.layers)
    w.add_context_length(c.context)
    w.add_embedding_length(c.width)
    w.add_feed_forward_length(c.ffn)
    w.add_head_count(c.heads)
    w.add_head_count_kv(c.kv_heads)
    w.add_key_length(c.head_dim)
    w.add_value_length(c.head_dim)
    w.add_rope_freq_base(c.rope_base)
    w.add_layer_norm_rms_eps(c.eps)
    w.add_vocab_size(c.vocab)

    model = json.loads(tok.to_str())
    by_id = {i: t for t, i in tok.get_vocab().items()}
    special = {t["content"] for t in model["added_tokens"] if t["special"]}
    tokens = [by_id[i] for i in range(c.vocab)]
    types = [gguf.TokenType.UNUSED if t.startswith("<|unused") else gguf.TokenType.CONTROL if t in special else gguf.TokenType.NORMAL for t in tokens]
    w.add_tokenizer_model("gpt2")
    w.add_tokenizer_pre("qwen2")
    w.add_token_list(tokens)
    w.add_token_types(types)
    w.add_token_merges([" ".join(m) if isinstance(m, list) else m for m in model["model"]["merges"]])
    w.add_eos_token_id(tok.token_to_id("<|im_end|>"))
    w.add_eot_token_id(tok.token_to_id("<|im_end|>"))
    w.add_pad_token_id(tok.token_to_id("<|endoftext|>"))
    w.add_add_bos_token(False)
    w.add_chat_template(TEMPLATE)


def tensor_name(n):
    return n + ".weight"


def write_gguf(path, c, arrays, tok, f16=False):
    """arrays: float32 by name. With f16 the matrices are F16 (used to test conversions), else Q4_0 and Q8_0."""
    T = gguf.GGMLQuantizationType
    w = gguf.GGUFWriter(path, "qwen3")
    metadata(w, c, tok, gguf.LlamaFileType.MOSTLY_F16 if f16 else gguf.LlamaFileType.MOSTLY_Q4_0)
    for n, x in arrays.items():
        x = np.ascontiguousarray(x, np.float32)
        if x.ndim == 1:
            w.add_tensor(tensor_name(n), x)
        elif f16:
            w.add_tensor(tensor_name(n), x.astype(np.float16))
        else:
            q = T.Q8_0 if "token_embd" in n else T.Q4_0
            w.add_tensor(tensor_name(n), gguf.quants.quantize(x, q), raw_dtype=q)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    return os.path.getsize(path)


def read_gguf(path):
    """float32 weights by name from a file that write_gguf wrote."""
    out = {}
    for t in gguf.GGUFReader(path).tensors:
        x = gguf.quants.dequantize(t.data, t.tensor_type)
        out[t.name.removesuffix(".weight")] = np.ascontiguousarray(x, np.float32)
    return out
