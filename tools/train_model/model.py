"""The model in PyTorch: the qwen3 architecture (pre-norm, GQA, QK norm, SwiGLU, NEOX rope, tied embedding)."""

from dataclasses import dataclass

import torch
import torch.nn as nn
import torch.nn.functional as F


@dataclass
class Config:
    vocab: int = 4096
    width: int = 512
    layers: int = 9
    heads: int = 8
    kv_heads: int = 4
    head_dim: int = 64
    ffn: int = 1280
    context: int = 1024
    rope_base: float = 10000.0
    eps: float = 1e-6


def rope_tables(c, length, device):
    inv = c.rope_base ** (-torch.arange(0, c.head_dim, 2, device=device, dtype=torch.float64) / c.head_dim)
    angle = torch.arange(length, device=device, dtype=torch.float64)[:, None] * inv[None, :]
    return angle.cos().float(), angle.sin().float()


def rotate(x, cos, sin):
    """x (B, T, heads, head_dim); the two halves of a head form the pairs (NEOX)."""
    a, b = x.float().chunk(2, -1)
    cos, sin = cos[None, :, None, :], sin[None, :, None, :]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def attend(q, k, v, docs):
    """Causal attention inside each document. docs: (cu_seqlens, longest) for the fused kernel, or a (B, 1, T, T) mask, or None."""
    B, T, H, D = q.shape
    k = k.repeat_interleave(H // k.shape[2], 2)
    v = v.repeat_interleave(H // v.shape[2], 2)
    if isinstance(docs, tuple):
        from torch.nn.attention.varlen import varlen_attn
        y = varlen_attn(q.reshape(B * T, H, D), k.reshape(B * T, H, D), v.reshape(B * T, H, D), docs[0], docs[0], docs[1], docs[1], window_size=(-1, 0))
        return y.view(B, T, H * D)
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=docs, is_causal=docs is None)
    return y.transpose(1, 2).reshape(B, T, H * D)


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        lin = lambda o, i: nn.Parameter(torch.empty(o, i))
        self.attn_norm = nn.Parameter(torch.ones(c.width))
        self.attn_q = lin(c.heads * c.head_dim, c.width)
        self.attn_k = lin(c.kv_heads * c.head_dim, c.width)
        self.attn_v = lin(c.kv_heads * c.head_dim, c.width)
        self.attn_output = lin(c.width, c.heads * c.head_dim)
        self.attn_q_norm = nn.Parameter(torch.ones(c.head_dim))
        self.attn_k_norm = nn.Parameter(torch.ones(c.head_dim))
        self.ffn_norm = nn.Parameter(torch.ones(c.width))
        self.ffn_gate = lin(c.ffn, c.width)
        self.ffn_up = lin(c.ffn, c.width)
        self.ffn_down = lin(c.width, c.ffn)

    def forward(self, x, cos, sin, docs):
        c = self.c
        B, T, _ = x.shape
        h = F.rms_norm(x, (c.width,), self.attn_norm, c.eps)
        q = F.linear(h, self.attn_q).view(B, T, c.heads, c.head_dim)
        k = F.linear(h, self.attn_k).view(B, T, c.kv_heads, c.head_dim)
        v = F.linear(h, self.attn_v).view(B, T, c.kv_heads, c.head_dim)
        q = rotate(F.rms_norm(q, (c.head_dim,), self.attn_q_norm, c.eps), cos, sin)
        k = rotate(F.rms_norm(k, (c.head_dim,), self.attn_k_norm, c.eps), cos, sin)
        x = x + F.linear(attend(q, k, v, docs), self.attn_output)
        h = F.rms_norm(x, (c.width,), self.ffn_norm, c.eps)
        return x + F.linear(F.silu(F.linear(h, self.ffn_gate)) * F.linear(h, self.ffn_up), self.ffn_down)


class Model(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.c = c
        self.token_embd = nn.Parameter(torch.empty(c.vocab, c.width))
        self.blk = nn.ModuleList([Block(c) for _ in range(c.layers)])
        self.output_norm = nn.Parameter(torch.ones(c.width))

    @torch.no_grad()
    def init(self, generator):
        for name, p in self.named_parameters():
            if p.dim() == 2:
                std = 0.02 if "embd" in name else p.shape[1] ** -0.5 * 0.6
                if "attn_output" in name or "ffn_down" in name:
                    std *= (2 * self.c.layers) ** -0.5
                p.copy_(torch.randn(p.shape, generator=generator) * std)

    def hidden(self, tokens, docs=None, compiled=None):
        cos, sin = rope_tables(self.c, tokens.shape[1], tokens.device) if not hasattr(self, "_rope") or self._rope[0].shape[0] < tokens.shape[1] else self._rope
        self._rope = (cos, sin)
        cos, sin = cos[:tokens.shape[1]], sin[:tokens.shape[1]]
        x = F.embedding(tokens, self.token_embd)
        for b in self.blk:
            x = (compiled or Block.forward)(b, x, cos, sin, docs)
        return x

    def logits(self, tokens):
        return head(self.hidden(tokens), self.output_norm, self.token_embd, self.c.eps)


def head(x, norm, embd, eps):
    return F.linear(F.rms_norm(x, (x.shape[-1],), norm, eps), embd)


def head_loss(x, norm, embd, targets, weights, eps):
    """Weighted mean cross entropy; targets and weights (B * T)."""
    z = head(x, norm, embd, eps).flatten(0, 1).float()
    loss = torch.logsumexp(z, -1) - z.gather(1, targets[:, None])[:, 0]
    return (loss * weights).sum() / weights.sum()
