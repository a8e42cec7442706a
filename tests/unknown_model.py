"""A tiny GPT-2 with random weights as a GGUF file: an architecture that direct does not know and llama.cpp does. Names and
shapes from public descriptions of GGUF and GPT-2; the vocabulary and the chat template are those of another GGUF file."""
import random
import struct

F32 = 0
ALIGNMENT = 32
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of a value, by its type
TEXT, LIST = 8, 9


def text(value):
    return struct.pack("<Q", len(value)) + value


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0]

    def text(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size:self.at]

    def skip(self, kind):
        if kind == TEXT:
            self.text()
        elif kind == LIST:
            of = self.take("I")
            for _ in range(self.take("Q")):
                self.skip(of)
        else:
            self.at += SIZES[kind]


def tokenizer_entries(data):
    """The entries below `tokenizer.`, as their bytes, and how many tokens there are."""
    reader = Reader(data)
    if reader.data[:4] != b"GGUF":
        raise ValueError("no GGUF file")
    reader.at = 16
    entries, tokens = [], 0
    for _ in range(reader.take("Q")):
        begin = reader.at
        name = reader.text()
        kind = reader.take("I")
        if name == b"tokenizer.ggml.tokens":
            tokens = struct.unpack_from("<Q", data, reader.at + 4)[0]
        reader.skip(kind)
        if name.startswith(b"tokenizer."):
            entries.append(data[begin:reader.at])
    return entries, tokens


def write_gpt2(path, vocabulary_of, layers=2, width=64, heads=4, context=512):
    with open(vocabulary_of, "rb") as file:
        entries, tokens = tokenizer_entries(file.read())
    for name, value in [("general.architecture", "gpt2"), ("general.name", "tiny gpt2")]:
        entries.append(text(name.encode()) + struct.pack("<I", TEXT) + text(value.encode()))
    for name, value in [("context_length", context), ("embedding_length", width), ("feed_forward_length", 4 * width),
                        ("block_count", layers), ("attention.head_count", heads)]:
        entries.append(text(f"gpt2.{name}".encode()) + struct.pack("<II", 4, value))
    entries.append(text(b"gpt2.attention.layer_norm_epsilon") + struct.pack("<If", 6, 1e-5))

    tensors = [("token_embd.weight", (width, tokens)), ("position_embd.weight", (width, context)),
               ("output_norm.weight", (width,)), ("output_norm.bias", (width,))]
    for layer in range(layers):
        for name, columns, rows in [("attn_qkv", width, 3 * width), ("attn_output", width, width),
                                    ("ffn_up", width, 4 * width), ("ffn_down", 4 * width, width)]:
            tensors += [(f"blk.{layer}.{name}.weight", (columns, rows)), (f"blk.{layer}.{name}.bias", (rows,))]
        for name in ["attn_norm", "ffn_norm"]:
            tensors += [(f"blk.{layer}.{name}.weight", (width,)), (f"blk.{layer}.{name}.bias", (width,))]
    source = random.Random(1)
    listed, values = b"", b""
    for name, shape in tensors:
        listed += text(name.encode()) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, F32, len(values))
        count = 1
        for size in shape:
            count *= size
        one = "norm.weight" in name
        values += struct.pack(f"<{count}f", *([1.0] * count if one else [source.gauss(0, 0.1) for _ in range(count)]))
        values += b"\0" * (-len(values) % ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(entries)) + b"".join(entries) + listed
    head += b"\0" * (-len(head) % ALIGNMENT)
    with open(path, "wb") as file:
        file.write(head + values)
