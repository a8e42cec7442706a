"""Q4_0 and Q8_0 as GGUF stores them, as round trips on tensors: what comes back is what the shipped file means."""

import torch


def q4_0(w):
    """Blocks of 32 along the last axis; scale d = (value of largest magnitude) / -8, kept as f16; integers 0..15 minus 8."""
    b = w.float().reshape(*w.shape[:-1], -1, 32)
    peak = b.gather(-1, b.abs().argmax(-1, keepdim=True))
    d = peak / -8
    inverse = torch.where(d == 0, 0.0, 1.0 / d)
    q = torch.clamp(torch.trunc(b * inverse + 8.5), 0, 15)
    return ((q - 8) * d.half().float()).reshape(w.shape)


def q8_0(w):
    b = w.float().reshape(*w.shape[:-1], -1, 32)
    d = b.abs().amax(-1, keepdim=True) / 127
    inverse = torch.where(d == 0, 0.0, 1.0 / d)
    x = b * inverse
    q = torch.trunc(x + 0.5 * torch.sign(x))
    return (q * d.half().float()).reshape(w.shape)


def round_trip(name, w):
    if w.dim() < 2:
        return w.float()
    return q8_0(w) if "token_embd" in name else q4_0(w)
