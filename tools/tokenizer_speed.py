#!/usr/bin/env python3
"""Encoding speed against Hugging Face's tokenizers, one core, English and code, rounds interleaved.

Usage: tokenizer_speed.py --driver build/dev/src/tokenizer/tokenizer_driver [--shared ../shared] [--rounds 5]
English is the project's documentation, code its sources, each repeated to 1 MB. Both sides encode one text
of 10,000 characters at a time and have met its words before. CPU time, so that other work on the machine counts for neither. Exit code: 0 at least 2x everywhere, 1 less, 77 nothing could be compared.
"""
import argparse, glob, os, statistics, struct, subprocess, sys, time

os.environ['TOKENIZERS_PARALLELISM'] = 'false'
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PIECE = 10_000  # characters of one text: a long prompt


def corpus(pattern):
    text = ''.join(open(f, encoding='utf-8').read() for f in sorted(glob.glob(os.path.join(TOP, pattern), recursive=True)))
    return (text * (1_000_000 // max(1, len(text)) + 1))[:1_000_000]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--driver', required=True)
    parser.add_argument('--shared', default=os.path.join(TOP, '..', 'shared'))
    parser.add_argument('--rounds', type=int, default=5)
    args = parser.parse_args()
    try:
        import tokenizers, tokenizer_differential as differential
        import gguf  # noqa: F401
    except ImportError as error:
        print(f'skipped: {error}')
        sys.exit(77)
    slow, compared = False, False
    print(f'tokenizers {tokenizers.__version__}; MB/s, median of {args.rounds} interleaved rounds')
    print(f'{"vocabulary":12} {"text":8} {"assay":>8} {"tokenizers":>11} {"ratio":>7}')
    for name in ('gpt-2', 'llama-bpe', 'qwen2'):
        path = os.path.join(args.shared, 'tokenizers', f'ggml-vocab-{name}.gguf')
        if not os.path.exists(path):
            print(f'skipped: {path} is absent')
            continue
        compared = True
        hf, _ = differential.from_vocabulary(tokenizers, differential.read_gguf(path), name)
        driver = subprocess.Popen([args.driver, path, '--no-special', '--seconds'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for kind, pattern in (('English', '**/*.md'), ('code', 'src/**/*.cpp')):
            text = corpus(pattern)
            pieces = [text[i:i + PIECE] for i in range(0, len(text), PIECE)]
            size = len(text.encode()) / 1e6
            for piece in pieces: hf.encode(piece, add_special_tokens=False)
            ours, theirs = [], []
            for _ in range(args.rounds):
                total = 0.0
                for piece in pieces:
                    data = piece.encode()
                    driver.stdin.write(struct.pack('<I', len(data)) + data)
                    driver.stdin.flush()
                    total += float(driver.stdout.readline().split()[0])
                ours.append(size / total)
                start = time.process_time()
                for piece in pieces: hf.encode(piece, add_special_tokens=False)
                theirs.append(size / (time.process_time() - start))
            ratio = statistics.median(a / b for a, b in zip(ours, theirs))
            slow = slow or ratio < 2
            print(f'{name:12} {kind:8} {statistics.median(ours):8.1f} {statistics.median(theirs):11.1f} {ratio:6.1f}x')
        driver.stdin.close()
        driver.wait()
    sys.exit(77 if not compared else 1 if slow else 0)


if __name__ == '__main__':
    main()
