"""Trains the tokenizer: byte-level BPE, 4096 tokens in all, with the pre-tokenizer that GGUF calls qwen2."""

import argparse

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

import documents
from grammar import Draw

QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
SIZE = 4096


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--documents", type=int, default=40000)
    p.add_argument("--out", required=True)
    a = p.parse_args()
    d = Draw("tokenizer")

    def texts():
        for _ in range(a.documents):
            t = documents.document(d)
            for s in SPECIAL:
                t = t.replace(s, "\n")
            yield t

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(QWEN2), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tok.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=SIZE - len(SPECIAL), initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), min_frequency=2, show_progress=False)
    tok.train_from_iterator(texts(), trainer)
    used = tok.get_vocab_size()
    print("tokens from BPE:", used)
    # Always SIZE tokens: unused places before the special ones, which are the last three.
    tok.add_tokens([AddedToken(f"<|unused{i}|>", special=True) for i in range(SIZE - len(SPECIAL) - used)])
    tok.add_special_tokens([AddedToken(s, special=True, normalized=False) for s in SPECIAL])
    assert tok.get_vocab_size() == SIZE
    tok.save(a.out)
    sample = "<|im_start|>user\nHello there, how many apples are 12 + 7?<|im_end|>\n"
    print(tok.encode(sample).tokens)
    assert tok.decode(tok.encode(sample).ids, skip_special_tokens=False) == sample


if __name__ == "__main__":
    main()
