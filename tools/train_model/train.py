"""Trains the model from nothing on the shards that shards.py writes, then exports and evaluates it.

Masters are float32; the model runs on bf16 copies of them. In the last part of the run the copies are taken after a Q4_0 / Q8_0
round trip (straight-through gradient), so what is trained is what ships. Hidden matrices use Muon, the rest AdamW.
"""

import argparse
import json
import math
import os
import time

import numpy as np
import torch

import evaluate
import quantize
from model import Block, Config, Model, head_loss

EOT, IM_START, IM_END = 4093, 4094, 4095


def load_shard(folder, name):
    path = f"{folder}/{name}.npy"
    while not os.path.exists(path):
        time.sleep(0.05)
    return torch.from_numpy(np.load(path).astype(np.int16))


def weights_of(t, assistant):
    """(B, T) loss weight of each token as a target: 1 in plain text and answers, 0.25 in prompts, 0 for the first of a document."""
    B, T = t.shape
    pos = torch.arange(T, device=t.device).expand(B, T)
    mark = torch.where((t == IM_START) | (t == EOT), pos, -1)
    last = torch.cummax(mark, 1).values
    before = torch.cat([torch.full((B, 1), -1, device=t.device), last[:, :-1]], 1)  # the closing token of a turn belongs to it
    opener = torch.gather(t, 1, before.clamp(min=0))
    role = torch.gather(t, 1, (before + 1).clamp(max=T - 1))
    prompt = (before >= 0) & (opener == IM_START) & (role != assistant)
    w = torch.where(prompt, 0.25, 1.0)
    w = torch.where(t == IM_START, 0.25, w)
    first = torch.cat([torch.ones(B, 1, dtype=torch.bool, device=t.device), t[:, :-1] == EOT], 1)
    return torch.where(first, 0.0, w)


def documents_of(t, places):
    """Ends of documents as cumulative lengths, padded to a fixed count so that nothing recompiles."""
    B, T = t.shape
    end = t == EOT
    end[:, -1] = True
    ends = torch.nonzero(end.flatten()).flatten().int() + 1
    cu = torch.full((places,), B * T, dtype=torch.int32, device=t.device)
    n = min(len(ends), places - 1)
    cu[0] = 0
    cu[1:n + 1] = ends[:n]
    assert len(ends) < places
    return cu


def mask_of(t):
    ids = torch.cumsum(torch.cat([torch.zeros_like(t[:, :1]), (t[:, :-1] == EOT).to(t.dtype)], 1), 1)
    same = ids[:, None, :, None] == ids[:, None, None, :]
    return same & torch.ones(t.shape[1], t.shape[1], dtype=torch.bool, device=t.device).tril()


def orthogonal(g):
    """Newton-Schulz to the nearest semi-orthogonal matrix, batched (coefficients of K. Jordan's Muon)."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = g.bfloat16()
    tall = x.shape[-2] > x.shape[-1]
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(5):
        y = x @ x.mT
        x = a * x + (b * y + c * y @ y) @ x
    return (x.mT if tall else x).float()


def muon_step(master, momentum, grad, lr, decay):
    grad = grad.float()
    momentum.lerp_(grad, 0.05)
    update = orthogonal(grad.lerp(momentum, 0.95))
    scale = max(1.0, master.shape[-2] / master.shape[-1]) ** 0.5
    master.mul_(1 - lr * decay).sub_(update * (lr * scale))


class Trainer:
    def __init__(self, a, c, device):
        self.a, self.c, self.device = a, c, device
        self.model = Model(c)
        self.model.init(torch.Generator().manual_seed(a.seed))
        if a.start:
            import export
            self.model.load_state_dict({n: torch.tensor(x) for n, x in export.read_gguf(a.start).items()})
        named = list(self.model.named_parameters())
        self.groups = {}
        for name, p in named:
            if p.dim() == 2 and "embd" not in name:
                self.groups.setdefault(tuple(p.shape), []).append(name)
        self.model = self.model.to(device)
        self.live = dict(self.model.named_parameters())
        self.master = {n: p.detach().float().clone() for n, p in self.live.items()}
        self.stack = {s: torch.stack([self.master[n] for n in names]) for s, names in self.groups.items()}
        for s, names in self.groups.items():
            for i, n in enumerate(names):
                self.master[n] = self.stack[s][i]
        self.momentum = {s: torch.zeros_like(x) for s, x in self.stack.items()}
        self.plain = [n for n in self.live if not any(n in g for g in self.groups.values())]
        self.adam = torch.optim.AdamW([self.master[n].requires_grad_() for n in self.plain], lr=a.adam_lr, betas=(0.9, 0.95), weight_decay=0.0, fused=device == "cuda")
        self.model.to(torch.bfloat16 if device == "cuda" else torch.float32)
        self.live = dict(self.model.named_parameters())
        fast = device == "cuda" and not a.no_compile
        self.block = torch.compile(Block.forward) if fast else Block.forward
        self.head_loss = torch.compile(head_loss) if fast else head_loss
        self.muon = torch.compile(muon_step) if fast else muon_step
        self.q4 = torch.compile(quantize.q4_0) if fast else quantize.q4_0

    def loss(self, t, varlen):
        w = weights_of(t, self.a.assistant_id)
        docs = (documents_of(t.clone(), t.numel() // 16), self.c.context) if varlen else mask_of(t) if self.device == "cpu" else None
        x = self.model.hidden(t, docs, self.block)
        targets = torch.cat([t[:, 1:], t[:, :1]], 1).flatten()
        tw = torch.cat([w[:, 1:], torch.zeros_like(w[:, :1])], 1).flatten()
        return self.head_loss(x, self.model.output_norm, self.model.token_embd, targets, tw, self.c.eps)

    @torch.no_grad()
    def refresh(self, quantized):
        for s, names in self.groups.items():
            x = self.q4(self.stack[s]) if quantized else self.stack[s]
            for i, n in enumerate(names):
                self.live[n].copy_(x[i])
        for n in self.plain:
            m = self.master[n].detach()
            self.live[n].copy_(quantize.round_trip(n, m) if quantized else m)

    @torch.no_grad()
    def step(self, factor):
        lr = torch.tensor(self.a.muon_lr * factor, device=self.device)
        for s, names in self.groups.items():
            g = torch.stack([self.live[n].grad for n in names])
            self.muon(self.stack[s], self.momentum[s], g, lr, self.a.decay)
        for group in self.adam.param_groups:
            group["lr"] = self.a.adam_lr * factor
        for n in self.plain:
            self.master[n].grad = self.live[n].grad.float()
        self.adam.step()
        for p in self.live.values():
            p.grad = None

    def final(self, quantized=True):
        """float32 weights by name, as the shipped file means them (or the masters)."""
        return {n: (quantize.round_trip(n, m.detach()) if quantized else m.detach().float()).cpu() for n, m in self.master.items()}


def schedule(step, total, warm, flat):
    if step < warm:
        return (step + 1) / warm
    x = step / total
    if x < flat:
        return 1.0
    return 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * (x - flat) / (1 - flat)))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--data", required=True, help="folder that shards.py fills, now or meanwhile")
    p.add_argument("--tokenizer", required=True)
    p.add_argument("--out", required=True)
    p.add_argument("--shards", type=int, default=128)
    p.add_argument("--steps", type=int, default=3600)
    p.add_argument("--rows", type=int, default=128, help="rows of 1024 tokens in a batch")
    p.add_argument("--seed", type=int, default=20261123)
    p.add_argument("--muon-lr", type=float, default=0.02)
    p.add_argument("--adam-lr", type=float, default=0.002)
    p.add_argument("--decay", type=float, default=0.05)
    p.add_argument("--quantized-from", type=float, default=0.6, help="part of the run after which the weights are quantized")
    p.add_argument("--stop-after", type=float, default=1e9, help="seconds; a safety net, the schedule does not bend to it")
    p.add_argument("--start", help="a GGUF file of an earlier phase to go on from")
    p.add_argument("--first-shard", type=int, default=0)
    p.add_argument("--flat", type=float, default=0.4, help="part of the run before the learning rate falls")
    p.add_argument("--tiny", action="store_true", help="a very small model, to try the script on a CPU")
    p.add_argument("--no-compile", action="store_true")
    p.add_argument("--no-varlen", action="store_true")
    a = p.parse_args()
    began = time.time()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    c = Config(width=256, layers=2, heads=4, ffn=256) if a.tiny else Config()
    from tokenizers import Tokenizer
    tok = Tokenizer.from_file(a.tokenizer)
    a.assistant_id = tok.encode("assistant").ids[0]
    assert len(tok.encode("assistant").ids) == 1 and tok.token_to_id("<|im_end|>") == IM_END and tok.token_to_id("<|endoftext|>") == EOT
    os.makedirs(a.out, exist_ok=True)
    tr = Trainer(a, c, device)
    print("parameters", sum(x.numel() for x in tr.live.values()), "device", torch.cuda.get_device_name() if device == "cuda" else device, "torch", torch.__version__, flush=True)
    varlen = device == "cuda" and not a.no_varlen
    tr.refresh(a.quantized_from <= 0)
    log = open(f"{a.out}/loss.csv", "w")
    log.write("step,tokens,seconds,loss,heldout_loss,quantized\n")
    held = load_shard(a.data, "heldout0").long().to(device)
    shard, k, at, order = None, 0, 0, None
    rng = np.random.default_rng(a.seed)
    cache = {}
    running, since, quantized = 0.0, 0, False
    t0 = time.time()
    print(f"first data after {t0 - began:.0f} s", flush=True)
    for step in range(a.steps):
        if shard is None or at + a.rows > shard.shape[0]:
            number = a.first_shard + k % a.shards
            if number not in cache:
                waited = time.time()
                cache[number] = load_shard(a.data, f"train{number}").to(device)
                if time.time() - waited > 1:
                    print(f"waited {time.time() - waited:.1f} s for shard {number}", flush=True)
            shard = cache[number]
            order = torch.from_numpy(rng.permutation(shard.shape[0])).to(device)
            k, at = k + 1, 0
        t = shard[order[at:at + a.rows]].long()
        at += a.rows
        loss = tr.loss(t, varlen)
        loss.backward()
        tr.step(schedule(step, a.steps, 60, a.flat))
        quantized = step + 1 >= a.quantized_from * a.steps
        tr.refresh(quantized)
        running, since = running + loss.detach(), since + 1
        if step < 3 or (step + 1) % 50 == 0 or step + 1 == a.steps:
            h = ""
            if (step + 1) % 200 == 0 or step + 1 == a.steps:
                with torch.no_grad():
                    n = max(1, len(held) // a.rows)
                    h = f"{sum(tr.loss(held[i * a.rows:(i + 1) * a.rows], varlen).item() for i in range(min(n, 4))) / min(n, 4):.4f}"
            mean = (running / since).item()
            row = f"{step + 1},{(step + 1) * a.rows * 1024},{time.time() - t0:.1f},{mean:.4f},{h},{int(quantized)}"
            log.write(row + "\n")
            log.flush()
            print(row, flush=True)
            running, since = 0.0, 0
            if not math.isfinite(mean):
                raise SystemExit("loss is not finite")
            if time.time() - began > a.stop_after:
                print("stopped by --stop-after at step", step + 1, flush=True)
                break
    print(f"trained in {time.time() - t0:.0f} s", flush=True)
    shipped = tr.final()
    import export
    size = export.write_gguf(f"{a.out}/model.gguf", c, {n: x.detach().float().cpu().numpy() for n, x in tr.master.items()}, tok)
    print("gguf bytes", size, flush=True)
    del cache
    report = {}
    for name, weights in (("quantized", shipped), ("unquantized masters", tr.final(False))):
        m = Model(c)
        m.load_state_dict(weights)
        m = m.to(device)
        report[name] = evaluate.heldout(m, held, a.assistant_id, mask_of)
        print(name, report[name], flush=True)
        if name == "quantized":
            report["questions"] = evaluate.questions(m, tok)
            print(report["questions"], flush=True)
            evaluate.samples(m, tok, f"{a.out}/samples.txt")
    json.dump(report, open(f"{a.out}/report.json", "w"), indent=1)
    print(f"all in {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
