#!/usr/bin/env python3
"""Tokens of odd model folders against transformers: added tokens and flags in every place that a folder has for them.

Usage: tokenizer_folders.py --assay build/dev/bin/assay [--count 300] [--seed 1]
       tokenizer_folders.py --golden tests/golden/tokenizer_folders.json [--count 60]
Needs the PyPI package transformers (5.24.0 made the golden file). What transformers reads must be read the same or be refused; what it refuses may be read.
Exit code: 0 equal, 1 a difference, 77 transformers is not there.
"""
import argparse, json, os, random, subprocess, sys, tempfile, warnings
from pathlib import Path

SPECIALS = ['<s>', '</s>', '<start>', '<end>']
NEW = ['<g>', '<h>', '[PAD]', '<img>', 'Tool', 'a b', 'é', '<G>', 'w o', ' x']
OLD = SPECIALS + ['he', 'hello', 'Q']
ROLES = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token']


def letters():
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, n = {b: chr(b) for b in keep}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + n)
            n += 1
    return table


def base(rng):
    letter = letters()
    vocab = {s: i for i, s in enumerate(SPECIALS)}
    for _, text in sorted(letter.items()): vocab[text] = len(vocab)
    merges = [('h', 'e'), ('l', 'l'), ('he', 'll'), ('hell', 'o'), (letter[32], 'w')]
    for a, b in merges: vocab[a + b] = len(vocab)
    normalizer = rng.choice([None, None, None, {'type': 'NFC'}, {'type': 'Lowercase'}, {'type': 'Replace', 'pattern': {'String': 'g'}, 'content': 'h'},
                             {'type': 'Prepend', 'prepend': 'x'}])
    level = dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=rng.random() < 0.8)
    model = dict(type='BPE', dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False,
                 byte_fallback=False, ignore_merges=False, vocab=vocab, merges=[list(m) for m in merges])
    return dict(version='1.0', truncation=None, padding=None, added_tokens=[], normalizer=normalizer, pre_tokenizer=level, post_processor=None,
                decoder=level, model=model)


class Folder:
    """Random files; `ids` follows transformers' counting as long as nothing odd is thrown in."""
    def __init__(self, rng):
        self.rng, self.tok = rng, base(rng)
        self.ids, self.next = dict(self.tok['model']['vocab']), len(self.tok['model']['vocab'])
        self.files = {}
        own = [s for s in SPECIALS if rng.random() < 0.7] + rng.sample(NEW + OLD, rng.randrange(3))
        if rng.random() < 0.2: rng.shuffle(own)
        self.tok['added_tokens'] = [dict(self.flags(t, special=t in SPECIALS or rng.random() < 0.3), id=self.id_of(t)) for t in own]
        config = dict(tokenizer_class='PreTrainedTokenizerFast')
        if rng.random() < 0.4:
            listed = dict.fromkeys(own + rng.sample(NEW + OLD, rng.randrange(4)))
            entries = [(self.id_of(t), self.flags(t)) for t in listed]
            config['added_tokens_decoder'] = {str(i): f for i, f in (rng.sample(entries, len(entries)) if rng.random() < 0.3 else entries)}
        if rng.random() < 0.3:
            self.files['added_tokens.json'] = {t: self.id_of(t) for t in rng.sample(NEW + OLD, rng.randrange(1, 4))}
        for key in ROLES:
            if rng.random() < 0.3: config[key] = self.role()
        if rng.random() < 0.2: config['additional_special_tokens'] = self.some()
        if rng.random() < 0.2: config['extra_special_tokens'] = self.some() if rng.random() < 0.6 else {f'k{i}_token': t for i, t in enumerate(self.plain())}
        if rng.random() < 0.1: config['image_token'] = rng.choice(NEW)
        if rng.random() < 0.3: config['add_bos_token'] = rng.random() < 0.5
        if rng.random() < 0.3:
            self.files['special_tokens_map.json'] = {
                **{key: (self.flags(t) if rng.random() < 0.5 else t) for key, t in ((k, rng.choice(NEW + OLD)) for k in ROLES) if rng.random() < 0.4},
                **({'additional_special_tokens': self.plain()} if rng.random() < 0.3 else {}), **({'extra_special_tokens': self.some(False)} if rng.random() < 0.2 else {})}
        if rng.random() < 0.95: self.files['tokenizer_config.json'] = config
        self.files['config.json'] = dict(model_type='llama', vocab_size=300)
        self.files['tokenizer.json'] = self.tok

    def id_of(self, text):
        if self.rng.random() < 0.02: return self.rng.randrange(280)
        if text not in self.ids:
            self.ids[text] = self.next
            self.next += 1
        return self.ids[text]

    def flags(self, text, special=None):
        r = lambda p: self.rng.random() < p
        special = r(0.4) if special is None else special
        return dict(content=text, single_word=r(0.15), lstrip=r(0.2), rstrip=r(0.2), normalized=r(0.3), special=special)

    def role(self):
        text = self.rng.choice(NEW + OLD)
        return text if self.rng.random() < 0.7 else dict(self.flags(text), __type='AddedToken')

    def plain(self): return self.rng.sample(NEW + OLD, self.rng.randrange(1, 4))

    def some(self, typed=True):
        return [t if self.rng.random() < 0.7 else dict(self.flags(t), **({'__type': 'AddedToken'} if typed else {})) for t in self.plain()]

    def texts(self, count):
        pieces = NEW + OLD + [' ', ' ', '  ', '\n', 'a', 'b', 'Hello', 'he llo', 'w', '1', 'e\u0301', 'g', 'TOOL', '中']
        return [''.join(self.rng.choice(pieces) for _ in range(self.rng.randrange(1, 9))) for _ in range(count)]

    def write(self, folder):
        for name, content in self.files.items(): (Path(folder) / name).write_text(json.dumps(content, ensure_ascii=False))


def expected(folder, texts):
    from transformers import AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(folder)
    # Every added token and an "a". With a normalizer the package decodes to normalized texts, which no text was: left out.
    plain = tokenizer.backend_tokenizer.normalizer is None
    spelled = [i for t in sorted(tokenizer.added_tokens_decoder) if plain for i in (t, 101)]
    return [tokenizer.encode(t, add_special_tokens=False) for t in texts] + [[spelled, tokenizer.decode(spelled, skip_special_tokens=True)]]


def met(assay, folder, texts, spelled):
    out = []
    for text in texts:
        run = subprocess.run([assay, 'tokenize', '--parse-special', '--json', '--model', folder], input=text.encode(), capture_output=True, env=dict(os.environ, ASSAY_HOME=folder))
        if run.returncode: return run.stderr.decode().strip()
        out.append(json.loads(run.stdout)['tokens'])
    run = subprocess.run([assay, 'tokenize', '--decode', '--model', folder], input=json.dumps(spelled).encode(), capture_output=True, env=dict(os.environ, ASSAY_HOME=folder))
    return out + [[spelled, run.stdout.decode() or run.stderr.decode()]]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--assay')
    parser.add_argument('--golden')
    parser.add_argument('--count', type=int, default=300)
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--texts', type=int, default=4)
    options = parser.parse_args()
    warnings.filterwarnings('ignore')
    try:
        import tokenizers, transformers
    except ImportError:
        print('transformers is not installed')
        return 77
    transformers.logging.set_verbosity_error()
    golden, wrong, refused, generous = [], 0, {}, 0
    for n in range(options.count):
        rng = random.Random(f'{options.seed} {n}')
        folder = Folder(rng)
        texts = folder.texts(options.texts)
        with tempfile.TemporaryDirectory() as at:
            folder.write(at)
            try:
                want = expected(at, texts)
            except Exception as error:
                want = f'{type(error).__name__}: {error}'
            if options.golden:
                if not isinstance(want, str): golden.append(dict(files=folder.files, texts=texts, tokens=want[:-1], spelled=want[-1]))
                continue
            got = met(options.assay, at, texts, [] if isinstance(want, str) else want[-1][0])
        if isinstance(want, str):
            generous += not isinstance(got, str)
        elif isinstance(got, str):
            kind = 'another id than' if 'expected' in got and 'has id' in got else got.replace(at, 'FOLDER')
            refused[kind] = refused.get(kind, 0) + 1
        elif got != want:
            wrong += 1
            for text, a, b in zip(texts + ['(spelled)'], got, want):
                if a != b: print(f'folder {n}: {text!r}\n  met      {a}\n  expected {b}')
            if wrong <= 2: print(json.dumps({k: v for k, v in folder.files.items() if k != 'tokenizer.json'}, ensure_ascii=False),
                                 json.dumps(folder.tok['added_tokens'], ensure_ascii=False), folder.tok['normalizer'])
    if options.golden:
        # One vocabulary for all.
        vocabulary = {k: golden[0]['files']['tokenizer.json']['model'][k] for k in ('vocab', 'merges')}
        for one in golden:
            for key in vocabulary: one['files']['tokenizer.json']['model'].pop(key)
        made = dict(transformers=transformers.__version__, tokenizers=tokenizers.__version__, seed=options.seed)
        lines = ',\n'.join(json.dumps(one, ensure_ascii=False) for one in golden)
        Path(options.golden).write_text('{"made": %s,\n"model": %s,\n"folders": [\n%s\n]}\n' % (json.dumps(made), json.dumps(vocabulary, ensure_ascii=False), lines))
        print(f'{len(golden)} folders')
        return 0
    print(f'{options.count} folders: {wrong} differ; refused here: {refused}; {generous} read here that transformers refuses')
    return 1 if wrong else 0


if __name__ == '__main__':
    sys.exit(main())
