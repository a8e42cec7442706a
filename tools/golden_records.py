#!/usr/bin/env python3
"""Makes tests/golden/records/*.json: run records that no machine ever gave, for the pages that are drawn from records.

usage: tools/golden_records.py [OUTPUT_FOLDER]

Needs nothing but Python. Figures are drawn from a seeded generator around round numbers; every record says "synthetic" in its chip and
its command. `laptop` has every part a record can have and engines that differ by 40 times, `plain` one row and nothing else, `accelerator`
three engines on a GPU with one outside its parity bound, `broken` only rows without figures and names that try to be markup, `cold`
no round after the cold one, `empty` no row.
"""
import json
import pathlib
import random
import statistics
import sys

TOP = pathlib.Path(__file__).resolve().parent.parent
R = random.Random(20261123)


def estimate(values):
    values = sorted(v for v in values if v is not None)
    if not values:
        return None
    middle = statistics.median(values)
    trim = len(values) // 6
    low, high = values[trim], values[len(values) - 1 - trim]
    return {"median": round(middle, 4), "low": round(low, 4), "high": round(high, 4), "n": len(values)}


def timing(at_s, prompt, output, prefill, decode, cached=0):
    ttft = (prompt - cached) / prefill + 1 / decode
    sent = int(at_s * 1e9)
    first = sent + int(ttft * 1e9)
    last = first + int((output - 1) / decode * 1e9)
    return {"sent_ns": sent, "first_ns": first, "last_ns": last, "prompt_tokens": prompt, "cached_tokens": cached, "output_tokens": output,
            "ttft_ms": (first - sent) * 1e-6, "prefill_tok_s": None, "decode_tok_s": (output - 1) / ((last - first) * 1e-9)}


def prefill_of(t):
    step = (t["last_ns"] - t["first_ns"]) / (t["output_tokens"] - 1)
    return (t["prompt_tokens"] - t["cached_tokens"]) / ((t["first_ns"] - t["sent_ns"] - step) * 1e-9)


def spread(value, share):
    return value * (1 + share * R.gauss(0, 1))


def timings(count, prompt, output, prefill, decode, share, cached=0):
    return [timing(10 + 3 * i, prompt, output, spread(prefill, share), spread(decode, share), cached) for i in range(count)]


def figures(rounds):
    return {"ttft_ms": estimate([t["ttft_ms"] for t in rounds]), "prefill_tok_s": estimate([prefill_of(t) for t in rounds]),
            "decode_tok_s": estimate([t["decode_tok_s"] for t in rounds])}


def delay(p50=None, p99=None, largest=None, samples=0):
    return {"p50_ms": p50, "p99_ms": p99, "max_ms": largest, "samples": samples}


def foreground(timer=None, pages=None):
    return {"timer": delay(timer / 8, timer, timer * 6, 2400) if timer else delay(),
            "pages": delay(pages / 9, pages, pages * 4, 2400) if pages else delay()}


def noise(others=None, **more):
    return {"others_cpu_cores": others, "stolen_cores": None, "cpu_stall": None, "memory_stall": None, "mhz": None, "celsius": None,
            "pressure": "unknown"} | more


def energy(j=None, watts=None, source="", reason="no counter on this machine: RAPL is not readable"):
    return {"j_per_token": j, "watts": watts, "source": source if j else "", "reason": "" if j else reason}


def memory(peak=0, predicted=None, source="PSS of the worker", device=0, swap_out=0, swap_known=True):
    return {"peak_bytes": int(peak), "source": source if peak else "", "device_peak_bytes": int(device),
            "predicted": None if predicted is None else dict(zip(("weights", "kv", "scratch"), map(int, predicted))), "swap_in_bytes": 0,
            "swap_out_bytes": int(swap_out), "swap_known": swap_known}


def parity(max_abs, bound, top1=32, kl=1e-4, unexplained=0):
    return {"kl": kl, "max_abs": max_abs, "bound": bound, "positions": 32, "unexplained": unexplained, "top1_equal": top1, "rms": max_abs / 6,
            "kl_max": kl * 8}


def row(engine, device="cpu", version="", status="ok", reason=None, **more):
    return {"engine": engine, "device": device, "version": version, "build": "", "status": status, "reason": reason, "prompts": "fresh",
            "prompt_tokens": 512, "output_tokens": 64, "adapted": None, "ttft_ms": None, "prefill_tok_s": None, "decode_tok_s": None,
            "drift": None, "parity": None, "parity_reason": None, "context": 0, "sequences": 0, "threads": 0, "batch": 0, "kv": "",
            "activations": "", "text_only": False, "settings": [], "notes": [], "noise": noise(), "memory": memory(swap_known=False),
            "energy": energy(), "foreground": foreground(), "border": None, "cold_round": None, "rounds": [], "context_sweep": [],
            "stream_sweep": [], "open_loop": None} | more


def record(rows, **more):
    settings = {"prompt_tokens": 512, "output_tokens": 64, "rounds": 7, "seed": 1, "timeout_ns": 600_000_000_000, "budget_s": 30.0,
                "cached_rows": False, "sweep_context": [], "sweep_streams": [], "sweep_rounds": 2, "soak_s": 0.0, "arrivals_per_s": 0.0,
                "arrivals_s": 30.0, "parity_positions": 32, "parity_budget_s": 20.0} | more.pop("workload", {})
    machine = {"chip": "Synthetic Core 2", "architecture": "x86_64", "cores": 2, "memory_bytes": 16 << 30, "cache_bytes": 32 << 20,
               "os": "Made-up Linux 12", "kernel": "Linux 6.1.0", "power_source": "ac"} | more.pop("machine", {})
    environment = {"assay_version": "0.1.0", "assay_build": "g++ 12.2, -O2", "accelerators": [], "governor": "performance",
                   "idle": foreground(0.21, 0.034), "noise": noise(0.01), "idle_watts": None, "energy_source": "",
                   "energy_reason": "no counter on this machine: RAPL is not readable"} | more.pop("environment", {})
    load = {"model": "", "shape": "", "config": "", "quant": "", "shape_seed": 0, "context": 0, "threads": 0, "batch": 0, "kv": "",
            "engines": []} | more.pop("load", {})
    artifact = {"path": "models/synthetic-0.6b-q4_0.gguf", "sha256": "5e" * 32, "quant": "q4_0", "bytes": 382 << 20,
                "bytes_per_token": 333_000_000, "synthesized": None} | more.pop("artifact", {})
    return {"version": 1, "command": "assay matrix --made-up synthetic", "started_unix_s": 1_795_437_600, "seconds": 372.0,
            "machine": machine, "environment": environment, "ceilings": {"read_gb_s": 23.9, "int8_gmac_s": 712.0}, "contract": None,
            "workload": settings, "load": load, "artifact": artifact, "rows": rows} | more


def context_sweep(depths, prefill, decode, share, base_bytes, kv_bytes, rounds=3, fits=10**9):
    out = []
    for depth in depths:
        if depth > fits:
            out.append({"depth": depth, "reason": f"would take about {depth / prefill:.0f} s, the budget is 30 s", "ttft_ms": None,
                        "prefill_tok_s": None, "decode_tok_s": None, "memory_peak_bytes": 0, "rounds": []})
            continue
        slower = 1 + depth / 9000
        ts = timings(rounds, depth, 32, prefill / slower ** 0.8, decode / (1 + depth / 14000), share)
        out.append({"depth": depth, "reason": ""} | figures(ts) | {"memory_peak_bytes": int(base_bytes + depth * kv_bytes), "rounds": []})
    return out


def stream_sweep(widths, decode, share, gain, base_bytes, ttft):
    out = []
    for width in widths:
        total = decode * min(gain, width ** 0.8)
        first = [spread(ttft * (1 + 0.8 * (width - 1)), share) for _ in range(6)]
        out.append({"streams": width, "reason": "", "total_tok_s": estimate([spread(total, share) for _ in range(6)]),
                    "decode_tok_s": estimate([spread(total / width, share) for _ in range(6)]), "ttft_ms": estimate(first),
                    "ttft_ms_p99": max(first) * 1.3, "memory_peak_bytes": int(base_bytes + width * 30e6), "rounds": []})
    return out


def drift(decode, ttft, fall, share, peak, seconds=600.0, count=64, mhz=3450.0):
    points = []
    for i in range(count):
        at = seconds * (i + 1) / count
        left = 1 - fall * min(1, at / (0.6 * seconds))
        points.append({"at_s": round(at, 1), "decode_tok_s": round(spread(decode * left, share), 3), "ttft_ms": round(spread(ttft / left, share), 2),
                       "mhz": round(spread(mhz * (1 - 0.8 * fall * min(1, at / 360)), 0.004)), "celsius": round(52 + 31 * min(1, at / 300) + R.gauss(0, 0.7), 1),
                       "watts": None, "memory_stall": 0.0, "others_cpu_cores": round(abs(R.gauss(0.02, 0.02)), 3), "swap_in_bytes": 0,
                       "swap_out_bytes": 0, "memory_bytes": int(peak)})
    tenth = count // 10
    first = statistics.median(p["decode_tok_s"] for p in points[:tenth])
    last = statistics.median(p["decode_tok_s"] for p in points[-tenth:])
    slope = (last / first - 1) * 100 / (0.9 * seconds / 60)
    return {"seconds": seconds, "requests": count, "prompt_tokens": 512, "output_tokens": 64, "first_tenth_tok_s": first,
            "last_tenth_tok_s": last, "ratio": {"median": last / first, "low": last / first - 0.009, "high": last / first + 0.011, "n": tenth},
            "slope_percent_per_minute": {"median": slope, "low": slope - 0.06, "high": slope + 0.05, "n": count}, "reason": "", "points": points}


def laptop():
    depths, widths = [512, 2048, 8192, 16384], [1, 2, 4, 8]
    rows = []
    rounds = timings(7, 512, 64, 505, 60.4, 0.008)
    rows.append(row("direct", version="0.1.0", build="g++ 12.2, avx512vnni", **figures(rounds), rounds=rounds,
                    cold_round=timing(1, 512, 64, 430, 51), parity=parity(0.264, 1.21), context=32768, sequences=8, threads=2, batch=512,
                    kv="f16", activations="q8_0", noise=noise(0.03, mhz=3440.0, celsius=81.0, pressure="normal"),
                    memory=memory(468e6, (382e6, 63e6, 14e6), "PSS of assay"), foreground=foreground(0.9, 0.11),
                    context_sweep=context_sweep(depths, 505, 60.4, 0.01, 400e6, 114688),
                    stream_sweep=stream_sweep(widths, 60.4, 0.02, 3.4, 440e6, 1030), drift=drift(60, 1030, 0.09, 0.006, 468e6),
                    open_loop={"rate_per_s": 0.5, "sent": 15, "failed": 0, "ttft_ms": estimate([1100, 1240, 1900, 2210, 1050]),
                               "decode_tok_s": estimate([44, 51, 58, 39, 57]), "late": delay(0.05, 0.31, 0.4, 15)}))
    rounds = timings(5, 64, 8, 11.2, 1.46, 0.02)
    rows.append(row("mlx", version="0.32.4", build="wheel mlx-cpu, sha256 9a41", **figures(rounds), rounds=rounds, prompt_tokens=64,
                    output_tokens=8, adapted="64 prompt, 8 output: 512 and 64 would take about 90 s", cold_round=timing(1, 64, 8, 6, 1.1),
                    parity=parity(0.0821, 1.02, 32, 2e-6), context=32768, sequences=4, threads=2, batch=512, kv="f16", activations="f32",
                    settings=["cache_limit=256MiB", "async_eval=true"], notes=["token_embd.weight: q6_k widened to f16"],
                    noise=noise(0.34, mhz=3420.0, celsius=79.0, pressure="normal"), memory=memory(1.31e9, (690e6, 63e6, 210e6)),
                    foreground=foreground(3.7, 0.6), border={"total_us_per_call": 684_930.0, "engine_us_per_call": 684_901.0, "calls": 441},
                    context_sweep=context_sweep(depths, 11.2, 1.46, 0.02, 1.2e9, 114688, fits=512),
                    drift=drift(1.46, 5900, 0.02, 0.015, 1.31e9, count=12)))
    rounds = timings(7, 512, 64, 251, 40.8, 0.011)
    rows.append(row("llama.cpp", version="0.3.36 (b7301)", build="cmake Release, GGML_NATIVE, sha256 77c0", **figures(rounds), rounds=rounds,
                    cold_round=timing(1, 512, 64, 236, 33), parity=parity(0.41, 1.21, 31, 3.1e-4), context=32768, sequences=8, threads=2,
                    batch=512, kv="f16", activations="q8_0", settings=["flash_attention=true", "ubatch=512", "mmap=true"],
                    noise=noise(0.05, mhz=3440.0, celsius=82.0, pressure="normal"), memory=memory(512e6, (382e6, 63e6, 302e6)),
                    foreground=foreground(1.4, 0.13), border={"total_us_per_call": 24_510.0, "engine_us_per_call": 24_486.5, "calls": 441},
                    context_sweep=context_sweep(depths, 251, 40.8, 0.012, 460e6, 114688, fits=8192),
                    stream_sweep=stream_sweep(widths, 40.8, 0.03, 2.2, 500e6, 2050), drift=drift(40.6, 2060, 0.13, 0.008, 512e6)))
    rounds = timings(7, 512, 64, 505, 60.2, 0.008, cached=511)
    rows.append(row("direct", version="0.1.0", build="g++ 12.2, avx512vnni", prompts="cached", **figures(rounds), rounds=rounds, context=32768,
                    sequences=8, threads=2, batch=512, kv="f16", activations="q8_0", noise=noise(0.03), memory=memory(468e6),
                    parity_reason="stands with the row above", foreground=foreground(0.9, 0.1)))
    rows.append(row("metalrt", "metal", "", "refused", "libmetalrt.dylib: not found; it exists for macOS only"))
    rows.append(row("ollama", "cpu", "0.14.1", "failed", "worker 4711 ended by signal 9 (out of memory?) in prefill of round 2; its last words: "
                    "\"load_tensors: allocating 1.2 GiB\""))
    return record(rows, command="assay matrix --shape qwen3-0.6b --quant q4_0 --sweep-context 512,2048,8192,16384 --soak 10m --made-up synthetic",
                  workload={"rounds": 7, "cached_rows": True, "sweep_context": depths, "sweep_streams": widths, "soak_s": 600.0,
                            "arrivals_per_s": 0.5}, artifact={"synthesized": "qwen3-0.6b, seed 1", "path": "/home/me/synth/qwen3-0.6b-q4_0-1.gguf"},
                  load={"shape": "qwen3-0.6b", "quant": "q4_0"})


def plain():
    rounds = timings(5, 512, 64, 1425, 484, 0.03)
    return record([row("direct", version="0.1.0", **figures(rounds), rounds=rounds, cold_round=timing(1, 512, 64, 1380, 440),
                       parity=parity(0.264, 1.31), context=4096, sequences=8, threads=2, batch=512, kv="f16", activations="q8_0",
                       memory=memory(60.1 * 2**20, (15.6 * 2**20, 8 * 2**20, 4 * 2**20), "PSS of assay"), noise=noise(1.6))],
                  artifact={"path": "models/assay-small-q4_0.gguf", "bytes": 16_357_785, "bytes_per_token": 16_252_928}, workload={"rounds": 5},
                  environment={"idle": foreground(), "noise": noise()}, command="assay matrix --made-up synthetic")


def accelerator():
    rows = []
    figures_of = {"direct": (41_000, 905, 0.19, 1.1, 8), "mlx": (7_300, 171, 0.05, 0.9, 2), "llama.cpp": (11_900, 884, 2.7, 1.1, 19)}
    for engine, (prefill, decode, difference, bound, p99) in figures_of.items():
        rounds = timings(9, 4096, 256, prefill, decode, 0.02)
        rows.append(row(engine, "cuda", {"direct": "0.1.0", "mlx": "0.32.4", "llama.cpp": "0.3.36"}[engine], **figures(rounds), rounds=rounds,
                        prompt_tokens=4096, output_tokens=256, cold_round=timing(1, 4096, 256, prefill / 9, decode / 2),
                        parity=parity(difference, bound, 30 if difference > bound else 32, 0.02 if difference > bound else 1e-5,
                                      2 if difference > bound else 0), context=8192, sequences=4, batch=2048, kv="f16",
                        activations="f16", noise=noise(0.02), memory=memory(1.1e9, (4.6e9, 1.1e9, 0.4e9), device=(6.2 + p99 / 9) * 1e9),
                        energy=energy(380 / decode, 380.0, "NVML GPU 0"), foreground=foreground(0.1 * p99, 0.02 * p99),
                        border=None if engine == "direct" else {"total_us_per_call": 1e6 / decode, "engine_us_per_call": 1e6 / decode - 17.2, "calls": 441}))
    return record(rows, machine={"chip": "Synthetic Server CPU", "cores": 16, "memory_bytes": 128 << 30},
                  environment={"accelerators": ["Synthetic H2, 139.8 GiB, driver 1.0"], "energy_source": "NVML GPU 0", "energy_reason": "",
                               "idle_watts": 76.0}, workload={"prompt_tokens": 4096, "output_tokens": 256, "rounds": 9},
                  artifact={"path": "synthetic-8b-q4_0.gguf", "bytes": 4_650_000_000, "bytes_per_token": 4_530_000_000})


def broken():
    rows = [row("<script>alert('engine')</script>", "\"><img src=x onerror=alert(1)>", "]]> & <b>1</b>", "failed",
                "</td></table><script>fetch('https://example.invalid/')</script> said the worker; \u202eesrever\u202c \x1b[31mred\x1b[0m | pipe | @everyone"),
            row("an-engine-whose-name-goes-on-and-on-" * 6, "cpu", "1.2.3-" + "0123456789abcdef" * 8, "refused", "a reason that does not end " * 80),
            row("", "", "", "failed", "")]
    return record(rows, machine={"chip": "Synthetic <Core> & \"Quote\""}, command="assay matrix --model '</pre><script>alert(2)</script>' ``` --made-up synthetic",
                  artifact={"path": "models/<i>x</i>.gguf", "synthesized": None})


def cold():
    return record([row("direct", version="0.1.0", cold_round=timing(1, 512, 64, 430, 51), parity_reason="not asked for", noise=noise(0.02)),
                   row("llama.cpp", version="0.3.36", cold_round=timing(9, 512, 64, 230, 33), parity=parity(0.0, 0.0))],
                  workload={"rounds": 0, "parity_positions": 0}, environment={"idle": foreground(), "noise": noise()}, seconds=0.0,
                  ceilings={"read_gb_s": 0.0, "int8_gmac_s": 0.0}, artifact={"sha256": "", "bytes": 0, "bytes_per_token": 0})


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else TOP / "tests/golden/records"
    folder.mkdir(parents=True, exist_ok=True)
    for make in (laptop, plain, accelerator, broken, cold):
        (folder / f"{make.__name__}.json").write_text(json.dumps(make(), separators=(",", ":")) + "\n")
    # The laptop's record in a page, its markup escaped as JSON allows: what a reader of pages must find.
    text = (folder / "laptop.json").read_text().strip().replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    page = f'<!DOCTYPE html>\n<html lang="en"><title>a page</title><script type="application/json" id="record">{text}</script><p>no record: {{}}</p></html>\n'
    (folder / "record_page.html").write_text(page)
    (folder / "empty.json").write_text(json.dumps(record([]), separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
