"""Turns generated documents into shards: rows of whole documents, one uint16 token each, as .npy files.

Shard k of a split is always the same text: its documents are drawn from the seed (split, k). A row starts with a document and
is filled with further ones; the last is cut at the end of the row. What is left of it is dropped.
"""

import argparse
import os
import sys
import time

import numpy as np

import documents
from grammar import Draw

ROW = 1024
END_ID_TEXT = documents.END


def make_shard(tokenizer, k, rows, heldout, row=ROW):
    d = Draw(f"{'heldout' if heldout else 'train'} {k}", heldout)
    out = np.zeros((rows, row), np.uint16)
    done, fill = 0, 0
    while done < rows:
        texts = [documents.document(d) for _ in range(256)]
        for enc in tokenizer.encode_batch(texts, add_special_tokens=False):
            ids = enc.ids[:row - fill]
            out[done, fill:fill + len(ids)] = ids
            fill += len(ids)
            if fill == row:
                done, fill = done + 1, 0
                if done == rows:
                    break
    return out


def worker(tokenizer_path, folder, first, step, shards, rows, heldout):
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from tokenizers import Tokenizer
    tokenizer = Tokenizer.from_file(tokenizer_path)
    name = "heldout" if heldout else "train"
    for k in range(first, shards, step):
        x = make_shard(tokenizer, k, rows, heldout)
        tmp = f"{folder}/.{name}{k}.npy"
        np.save(tmp, x)
        os.rename(tmp, f"{folder}/{name}{k}.npy")


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--shards", type=int, default=256)
    p.add_argument("--first-shard", type=int, default=0)
    p.add_argument("--rows", type=int, default=2048, help="rows of 1024 tokens in a shard")
    p.add_argument("--heldout-rows", type=int, default=1024)
    p.add_argument("--workers", type=int, default=os.cpu_count())
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    import multiprocessing
    ctx = multiprocessing.get_context("fork")
    start = time.time()
    jobs = [ctx.Process(target=worker, args=(a.tokenizer, a.out, 0, 1, 1, a.heldout_rows, True))]
    jobs += [ctx.Process(target=worker, args=(a.tokenizer, a.out, a.first_shard + i, a.workers, a.first_shard + a.shards, a.rows, False)) for i in range(a.workers)]
    for j in jobs:
        j.start()
    for j in jobs:
        j.join()
    print(f"{a.shards} shards of {a.rows * ROW} tokens in {time.time() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
