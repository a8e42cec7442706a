"""Makes tests/golden/sampling.json: what the sampling chain leaves, computed in float64 with numpy only.

    python3 tools/golden_sampling.py > tests/golden/sampling.json

Independent of src/schedule: written from the papers and from docs/sampling.md. Seed 20; made with Python 3.11, numpy 2.4.6.
Settings are chosen so that no cut falls within 1e-4 of a candidate: the script stops if one does.
"""
import json
import sys

import numpy as np

MARGIN = 1e-4


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def clear_of(values, cut, what):
    if len(values) and np.min(np.abs(values - cut)) < MARGIN * max(abs(cut), 1e-3):
        sys.exit(f"{what}: a candidate lies on the cut, choose another setting")


def penalise(x, s, history):
    x = x.copy()
    window = s.get("penalty_window", 64)
    recent = history if window == 0 else history[-window:]
    for token in set(recent):
        n = recent.count(token)
        r = s.get("repetition_penalty", 1.0)
        x[token] = x[token] / r if x[token] > 0 else x[token] * r
        x[token] -= n * s.get("frequency_penalty", 0.0) + s.get("presence_penalty", 0.0)
    return x


def dry(x, s, history):
    x = x.copy()
    if not s.get("dry_multiplier"):
        return x
    breakers, allowed = set(s.get("dry_breakers", [])), s.get("dry_allowed_length", 2)
    worst = {}
    for i in range(1, len(history)):
        n = 0
        while n < i and history[i - 1 - n] == history[-1 - n] and history[-1 - n] not in breakers:
            n += 1
        if n >= allowed and history[i] not in breakers:
            worst[history[i]] = max(worst.get(history[i], 0), n)
    for token, n in worst.items():
        x[token] -= s["dry_multiplier"] * s.get("dry_base", 1.75) ** (n - allowed)
    return x


def chain(logits, s, history):
    x = np.array(logits, dtype=np.float64)
    for token, bias in s.get("logit_bias", []):
        x[token] += bias
    x = dry(penalise(x, s, history), s, history)
    ids = np.lexsort((np.arange(len(x)), -x))  # by logit, then by lowest id
    x = x[ids]
    if s.get("mirostat") == 2:  # first token: mu = 2 tau
        x = x / s["temperature"]
        surprise = -np.log2(softmax(x))
        clear_of(surprise, 2 * s["mirostat_tau"], "mirostat")
        keep = max(1, int(np.sum(surprise <= 2 * s["mirostat_tau"])))
        return ids[:keep], softmax(x[:keep])
    if s.get("top_k"):
        ids, x = ids[: s["top_k"]], x[: s["top_k"]]
    if s.get("typical_p", 1.0) < 1:
        p = softmax(x)
        away = np.abs(-np.log(p) + np.sum(p * np.log(p)))
        order = np.lexsort((ids, away))
        total = np.cumsum(p[order])
        clear_of(total, s["typical_p"], "typical_p")
        keep = np.sort(order[: int(np.searchsorted(total, s["typical_p"], side="right")) + 1])
        ids, x = ids[keep], x[keep]
    if s.get("top_p", 1.0) < 1:
        total = np.cumsum(softmax(x))
        clear_of(total, s["top_p"], "top_p")
        keep = int(np.searchsorted(total, s["top_p"], side="left")) + 1
        ids, x = ids[:keep], x[:keep]
    if s.get("min_p", 0.0) > 0:
        p = softmax(x)
        clear_of(p, s["min_p"] * p[0], "min_p")
        ids, x = ids[p >= s["min_p"] * p[0]], x[p >= s["min_p"] * p[0]]
    if s.get("xtc_probability", 0.0) == 1:
        p = softmax(x)
        clear_of(p, s.get("xtc_threshold", 0.1), "xtc_threshold")
        over = int(np.sum(p >= s.get("xtc_threshold", 0.1)))
        if over >= 2:
            ids, x = ids[over - 1 :], x[over - 1 :]
    if s["temperature"] == 0:
        return ids[:1], np.ones(1)
    return ids, softmax(x / s["temperature"])


def main():
    rng = np.random.default_rng(20)
    sets = [np.round(rng.normal(0, spread, n), 3).tolist() for n, spread in [(1, 1), (7, 2), (65, 2.5), (257, 1.5)]]
    single = [
        {"temperature": 1.0}, {"temperature": 0.55}, {"temperature": 0.0},
        {"temperature": 1.0, "top_k": 5}, {"temperature": 0.8, "top_p": 0.9}, {"temperature": 0.8, "top_p": 0.31},
        {"temperature": 1.3, "min_p": 0.07}, {"temperature": 1.0, "typical_p": 0.6}, {"temperature": 1.0, "typical_p": 0.93},
        {"temperature": 1.0, "xtc_probability": 1.0, "xtc_threshold": 0.041},
        {"temperature": 0.9, "mirostat": 2, "mirostat_tau": 1.7},
        {"temperature": 1.0, "repetition_penalty": 1.3}, {"temperature": 1.0, "presence_penalty": 0.7, "frequency_penalty": 0.2},
        {"temperature": 1.0, "repetition_penalty": 1.2, "penalty_window": 5}, {"temperature": 1.0, "repetition_penalty": 0.8, "penalty_window": 0},
        {"temperature": 1.0, "dry_multiplier": 0.8}, {"temperature": 1.0, "dry_multiplier": 1.1, "dry_base": 1.2, "dry_allowed_length": 1, "dry_breakers": [0]},
        {"temperature": 1.0, "logit_bias": [[0, 2.5]]},
        {"temperature": 0.7, "top_k": 40, "top_p": 0.95, "min_p": 0.05},
        {"temperature": 0.7, "top_k": 30, "typical_p": 0.9, "top_p": 0.8, "min_p": 0.03, "xtc_probability": 1.0, "xtc_threshold": 0.08,
         "repetition_penalty": 1.1, "frequency_penalty": 0.1, "dry_multiplier": 0.5},
        {"temperature": 0.0, "xtc_probability": 1.0, "xtc_threshold": 0.08},
    ]
    cases = []
    for index, logits in enumerate(sets):
        vocab = len(logits)
        motif = rng.integers(0, vocab, 6).tolist()
        history = motif + rng.integers(0, vocab, 5).tolist() + motif[:4]
        for s in single:
            ids, p = chain(logits, s, history)
            cases.append({"logits": index, "history": history, "sampling": s, "ids": [int(i) for i in ids],
                          "p": [float(f"{v:.7g}") for v in p]})
    lines = ",\n".join(json.dumps(c) for c in cases)
    print('{"made_by": "tools/golden_sampling.py", "seed": 20, "numpy": "%s",\n"logits": %s,\n"cases": [\n%s\n]}'
          % (np.__version__, json.dumps(sets), lines))


main()
