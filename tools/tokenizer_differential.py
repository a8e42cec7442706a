#!/usr/bin/env python3
"""Tokens of this program against Hugging Face's tokenizers and llama.cpp, on generated texts.

Usage: tokenizer_differential.py --driver build/dev/src/tokenizer/tokenizer_driver [--shared ../shared] [--texts 400]
Needs the PyPI packages tokenizers and gguf; llama.cpp's llama-tokenize is used where ASSAY_LLAMA_BIN names its folder.
What is absent is skipped by name. Exit code: 0 equal, 1 a difference, 77 nothing could be compared.
"""
import argparse, os, random, struct, subprocess, sys, tempfile

WORDS = """the of and a in to is was it for on with he as his be at by had not are but from or have an they which one you
were all her she there would their we him been has when who will no more if out so up said what its about than into them
can only other time new some could these two may first then do any like my now over such our man me even most made after
also did many off before must well back through years where much your way down should because long each just state those
people too mr how little good world make very year still see own work men day get here old life both between being under
three never know same last another while us might great go come since against right came take used himself few house
didn't I'll you're she's WE'VE they'd HELLO World Ünïcödé naïve café résumé Straße Привет мир こんにちは 世界 안녕하세요 ไทย
हिन्दी العربية עברית 12345 3.14159 1,000,000 2024-01-01 foo_bar fooBarBaz __init__ i++ a->b x==y != <= >= // /* */ #include
<vector> std::string def return lambda async await None True False null 0xDEADBEEF https://example.com/a?b=c&d=e @user
#tag $100 50% (parens) [brackets] {braces} "quotes" 'single' `ticks` ... --- *** === 🙂 👍🏽 👨‍👩‍👧‍👦 🇩🇪 é ﬁ ½ Ⅷ ² ③ ﷺ""".split()
CODE = ['for (int i = 0; i < n; ++i) {\n\t\tsum += a[i] * b[i];\n\t}\n', 'def f(x):\n    if x > 0:\n        return x\n    return -x\n',
        'SELECT * FROM t WHERE a = "b" AND c IS NOT NULL;\r\n', '<div class="x">\n  <p>Hi</p>\n</div>\n', '{"key": [1, 2.5, -3e10, null, true]}',
        '    \t   \n\n\n   \n', '// comment\n#define MAX(a,b) ((a)>(b)?(a):(b))\n', '$x = array("a" => 1);\n']


def texts(seed, count, specials):
    rng = random.Random(seed)
    ranges = [(0x20, 0x7F), (0xA0, 0x250), (0x300, 0x370), (0x370, 0x600), (0x905, 0x94E), (0xE01, 0xE3B), (0x1E00, 0x2100), (0x2000, 0x2070),
              (0x2100, 0x2200), (0x3000, 0x3100), (0x4E00, 0x5000), (0xAC00, 0xAD00), (0xFB00, 0xFB10), (0xFF00, 0xFFF0), (0x1F300, 0x1F650), (0x10400, 0x10450)]
    def piece():
        kind = rng.randrange(12)
        if kind < 4: return rng.choice(WORDS)
        if kind == 4: return rng.choice(CODE)
        if kind == 5: return ' ' * rng.randrange(1, 12)
        if kind == 6: return rng.choice(['\n', '\r\n', '\t', '\n\n', ' \n ', '\u3000', '\xa0', '\u2028', '\x85', '\x0b'])
        if kind == 7: return str(rng.randrange(10 ** rng.randrange(1, 15)))
        if kind == 8 and specials: return rng.choice(specials)
        if kind == 9: return chr(rng.choice(b'abcxyzABC019.,;!?')) * rng.randrange(1, 40)
        lo, hi = rng.choice(ranges)
        return ''.join(chr(rng.randrange(lo, hi)) for _ in range(rng.randrange(1, 8)))
    out = ['', ' ', '\n', "'", '\u0000', 'a' * 5000, ' ' * 5000, '\n' * 3000, '=' * 777, '中' * 2000, 'aB' * 1500, '1' * 1000, ('word ' * 800)]
    while len(out) < count:
        glue = rng.choice([' ', ' ', ' ', '', '\n'])
        out.append(glue.join(piece() for _ in range(rng.randrange(1, 14))))
    return out


def drive(driver, path, all_texts, *flags):
    data = b''.join(struct.pack('<I', len(t)) + t for t in all_texts)
    run = subprocess.run([driver, path, *flags], input=data, capture_output=True)
    if run.returncode: raise SystemExit(f'{path}: {run.stderr.decode()}')
    lines = run.stdout.decode().split('\n')
    return [(lines[2 * i].split(), lines[2 * i + 1]) for i in range(len(all_texts))]


def compare(name, hf, path, driver, all_texts, check_decode, flags=('--parse-special',), add=True):
    met = drive(driver, path, [t.encode() for t in all_texts], *flags)
    expected = hf.encode_batch(all_texts, add_special_tokens=add)
    wrong = 0
    for text, (ids, back), want in zip(all_texts, met, expected):
        same = ids == [str(i) for i in want.ids]
        if same and check_decode and 'caf' not in text.lower(): same = bytes.fromhex(back).decode() == hf.decode(want.ids)
        if not same:
            wrong += 1
            if wrong <= 2:
                at = next((i for i, (a, b) in enumerate(zip(ids, map(str, want.ids))) if a != b), min(len(ids), len(want.ids)))
                print(f'  {name}: {ascii(text[:200])}\n    met      {ids[max(0, at - 2):at + 8]} {bytes.fromhex(back)[:80]!r}\n    expected {want.ids[max(0, at - 2):at + 8]} '
                      f'{want.tokens[max(0, at - 2):at + 8]} {hf.decode(want.ids)[:80]!r} (token {at})')
    print(f'{name}: {len(all_texts) - wrong} of {len(all_texts)} texts equal')
    return wrong


def pipelines(pre_tokenizers, Regex):
    """Pre-tokenizers by GGUF name, as the models' own tokenizer.json have them."""
    P, split = pre_tokenizers, lambda rx: pre_tokenizers.Split(Regex(rx), 'isolated')
    level = lambda regex: P.ByteLevel(add_prefix_space=False, use_regex=regex)
    english = "(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    llama = lambda n: english + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}" + n + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    up, low = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
    cased = lambda after, n: (r"[^\r\n\p{L}\p{N}]?" + up + "*" + low + "+" + after + r"|[^\r\n\p{L}\p{N}]?" + up + "+" + low + "*" + after +
                              r"|\p{N}" + n + r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
    deep3 = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
             r"\s*[\r\n]+|\s+(?!\S)|\s+")
    seq = lambda *steps: P.Sequence(list(steps))
    starcoder = seq(P.Digits(True), level(True))
    return {
        'gpt-2': level(True), 'mpt': level(True), 'llama-bpe': seq(split(llama('{1,3}')), level(False)), 'qwen2': seq(split(llama('')), level(False)),
        'starcoder': starcoder, 'refact': starcoder, 'command-r': starcoder, 'smollm': starcoder,
        'falcon': seq(P.Punctuation('contiguous'), split(r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"), split('[0-9][0-9][0-9]'), level(False)),
        'tekken': seq(split(cased('', '')), level(False)), 'gpt-4o': seq(split(cased(english + '?', '{1,3}')), level(False)),
        'deepseek-coder': seq(split('[\r\n]'), split(r'\s?\p{L}+'), split(r'\s?\p{P}+'), split('[一-龥ࠀ-一가-\ud7ff]+'), P.Digits(True), level(False)),
        'deepseek-v3': seq(split(r'\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'), split(deep3), level(False)),
        'kimi-k2': seq(split(r"[\p{Han}]+|" + cased(english + '?', '{1,3}').replace(']*', '&&[^\\p{Han}]]*').replace(low + '+', low[:-1] + '&&[^\\p{Han}]]+').replace(up + '+', up[:-1] + '&&[^\\p{Han}]]+').replace('[\\r\\n/&&[^\\p{Han}]]*', '[\\r\\n]*')), level(False)),
    }


def read_gguf(path):
    import gguf
    reader = gguf.GGUFReader(path)
    field = lambda key: reader.fields['tokenizer.ggml.' + key].contents() if 'tokenizer.ggml.' + key in reader.fields else None
    return {key: field(key) for key in ('model', 'pre', 'tokens', 'token_type', 'merges', 'scores', 'bos_token_id', 'eos_token_id')}


def write_gguf(path, vocabulary, pre):
    import gguf
    writer = gguf.GGUFWriter(path, 'llama')
    writer.add_tokenizer_model(vocabulary['model'])
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(vocabulary['tokens'])
    writer.add_token_types(vocabulary['token_type'])
    writer.add_token_merges(vocabulary['merges'])
    writer.add_add_bos_token(False)
    writer.write_header_to_file(); writer.write_kv_data_to_file(); writer.close()


def from_vocabulary(tokenizers, vocabulary, pre):
    from tokenizers import AddedToken, Tokenizer, decoders, models
    merges = [tuple(m.split(' ')) for m in vocabulary['merges']]
    specials = [t for t, kind in zip(vocabulary['tokens'], vocabulary['token_type']) if kind in (3, 4)]
    hf = Tokenizer(models.BPE({t: i for i, t in enumerate(vocabulary['tokens'])}, merges, ignore_merges=pre in ('llama-bpe', 'tekken')))
    hf.pre_tokenizer = pipelines(tokenizers.pre_tokenizers, tokenizers.Regex)[pre]
    hf.decoder = decoders.ByteLevel()
    hf.add_special_tokens([AddedToken(t, normalized=False, special=True) for t in specials])
    return hf, specials


def published(args, tokenizers, folder):
    """The vocabularies of ../shared: the GGUF itself, and the tokenizer.json that Hugging Face writes for it."""
    wrong = 0
    names = ['gpt-2', 'llama-bpe', 'qwen2', 'starcoder', 'falcon']
    for name in names:
        if args.only not in name: continue
        path = os.path.join(args.shared, 'tokenizers', f'ggml-vocab-{name}.gguf')
        if not os.path.exists(path):
            print(f'skipped: {path} is absent')
            continue
        vocabulary = read_gguf(path)
        hf, specials = from_vocabulary(tokenizers, vocabulary, name)
        all_texts = texts(1, args.texts, specials[:20])
        wrong += compare(f'{name}.gguf', hf, path, args.driver, all_texts, True, ('--parse-special', '--no-special'), False)
        saved = os.path.join(folder, name + '.json')
        hf.save(saved)
        wrong += compare(f'{name} tokenizer.json', hf, saved, args.driver, all_texts, True)
        if name != 'gpt-2': continue
        for other in ('tekken', 'gpt-4o', 'deepseek-coder', 'deepseek-v3', 'mpt', 'refact', 'smollm', 'command-r', 'kimi-k2'):
            hf, specials = from_vocabulary(tokenizers, vocabulary, other)
            path = os.path.join(folder, other + '.gguf')
            write_gguf(path, vocabulary, other)
            wrong += compare(f'{other}, GGUF name', hf, path, args.driver, texts(2, args.texts // 2, specials), True, ('--parse-special', '--no-special'), False)
            hf.save(os.path.join(folder, other + '.json'))
            wrong += compare(f'{other}, tokenizer.json', hf, os.path.join(folder, other + '.json'), args.driver, texts(3, args.texts // 2, specials), True)
    return wrong


def trained(args, tokenizers, folder):
    """Small vocabularies of every kind, trained here."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    corpus = [t for t in texts(7, 800, []) if len(t) < 1000] + [' '.join(WORDS)] * 20
    N, P, D = normalizers, pre_tokenizers, decoders
    mark = '\u2581'
    special = ['<s>', '</s>', '<unk>']
    bytes256 = [f'<0x{b:02X}>' for b in range(256)]
    bert = lambda tok: processors.BertProcessing(('</s>', tok.token_to_id('</s>')), ('<s>', tok.token_to_id('<s>')))
    template = lambda tok: processors.TemplateProcessing('<s> $A </s>', special_tokens=[(t, tok.token_to_id(t)) for t in ('<s>', '</s>')])
    kinds = {
        'byte-level': (models.BPE(), None, P.ByteLevel(add_prefix_space=True), D.ByteLevel(), trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False), template),
        'byte-level then digits': (models.BPE(), N.NFC(), P.Sequence([P.Punctuation('contiguous'), P.ByteLevel(add_prefix_space=False), P.Digits(False)]), D.ByteLevel(), trainers.BpeTrainer(vocab_size=900, special_tokens=special, initial_alphabet=P.ByteLevel.alphabet(), show_progress=False), None),
        'byte-level, few bytes': (models.BPE(unk_token='<unk>'), None, P.ByteLevel(add_prefix_space=False), D.ByteLevel(), trainers.BpeTrainer(vocab_size=300, special_tokens=special, limit_alphabet=60, show_progress=False), None),
        'sentencepiece-style': (models.BPE(unk_token='<unk>', fuse_unk=True, byte_fallback=True), N.Sequence([N.Prepend(mark), N.Replace(' ', mark)]), None, D.Sequence([D.Replace(mark, ' '), D.ByteFallback(), D.Fuse(), D.Strip(' ', 1, 0)]), trainers.BpeTrainer(vocab_size=1400, special_tokens=special + bytes256, limit_alphabet=300, show_progress=False, max_token_length=16), template),
        'unknown fused': (models.BPE(unk_token='<unk>', fuse_unk=True), N.Sequence([N.NFKC(), N.Replace(' ', mark)]), P.Split(mark, 'merged_with_next'), D.Metaspace(mark, 'never'), trainers.BpeTrainer(vocab_size=700, special_tokens=special, limit_alphabet=70, show_progress=False), None),
        'unknown dropped': (models.BPE(), N.NFKD(), P.Split(Regex(r'\w+|\W'), 'removed', invert=True), None, trainers.BpeTrainer(vocab_size=500, special_tokens=special, limit_alphabet=50, show_progress=False), None),
        'word suffix': (models.BPE(unk_token='<unk>', end_of_word_suffix='</w>'), N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase(), N.Strip()]), P.Sequence([P.WhitespaceSplit(), P.Punctuation()]), D.BPEDecoder('</w>'), trainers.BpeTrainer(vocab_size=900, special_tokens=special, end_of_word_suffix='</w>', show_progress=False), bert),
        'unigram': (models.Unigram(), N.Sequence([N.NFKC(), N.Replace(Regex(' {2,}'), ' ')]), P.Metaspace(mark, 'always'), D.Metaspace(mark, 'always'), trainers.UnigramTrainer(vocab_size=900, special_tokens=special, unk_token='<unk>', show_progress=False), template),
        'unigram, first': (models.Unigram(), None, P.Sequence([P.Metaspace(mark, 'first', split=True), P.Digits(True)]), D.Metaspace(mark, 'first'), trainers.UnigramTrainer(vocab_size=700, special_tokens=special, unk_token='<unk>', show_progress=False), None),
        'wordpiece': (models.WordPiece(unk_token='<unk>'), N.BertNormalizer(), P.BertPreTokenizer(), D.WordPiece(), trainers.WordPieceTrainer(vocab_size=1200, special_tokens=special, limit_alphabet=500, show_progress=False), bert),
        'wordpiece, cased': (models.WordPiece(unk_token='<unk>'), N.BertNormalizer(lowercase=False, strip_accents=False, handle_chinese_chars=False), P.Sequence([P.Whitespace(), P.Split(Regex('[0-9]'), 'merged_with_previous')]), D.WordPiece(cleanup=False), trainers.WordPieceTrainer(vocab_size=900, special_tokens=special, limit_alphabet=300, show_progress=False), None),
        'wordlevel': (models.WordLevel(unk_token='<unk>'), None, P.Sequence([P.CharDelimiterSplit('e'), P.WhitespaceSplit(), P.Split('o', 'contiguous')]), None, trainers.WordLevelTrainer(vocab_size=500, special_tokens=special, show_progress=False), None),
    }
    wrong = 0
    for name, (model, normalizer, pre, decoder, trainer, post) in kinds.items():
        if args.only not in name: continue
        hf = Tokenizer(model)
        if normalizer: hf.normalizer = normalizer
        if pre: hf.pre_tokenizer = pre
        if decoder: hf.decoder = decoder
        hf.train_from_iterator([' '.join(WORDS)] * 20 + CODE if 'unigram' in name else corpus, trainer)
        if post: hf.post_processor = post(hf)
        added = [AddedToken('<|im_end|>', special=True, normalized=False), AddedToken('[MASK]', special=True, lstrip=True, normalized=False),
                 AddedToken('<|tool|>', rstrip=True, normalized=False), AddedToken('worldly', single_word=True, normalized=False), AddedToken('Café', normalized=True), AddedToken('  ', normalized=False)]
        hf.add_tokens(added)
        path = os.path.join(folder, name.replace(' ', '_') + '.json')
        hf.save(path)
        # The text that a decoder makes of bytes that are no UTF-8 differs in the number of U+FFFD; see docs/tokenize.md.
        all_texts = texts(11, args.texts, ['<s>', '<unk>', '<|im_end|>', ' [MASK] ', '<|tool|>  ', 'worldly', 'worldlyx', 'Café', '   '])
        wrong += compare(f'trained: {name}', hf, path, args.driver, all_texts, 'few bytes' not in name)
    return wrong


def against_llama(args, folder):
    tool = os.path.join(os.environ.get('ASSAY_LLAMA_BIN', ''), 'llama-tokenize')
    if not os.path.exists(tool):
        print('skipped: llama.cpp (ASSAY_LLAMA_BIN names no folder with llama-tokenize)')
        return 0, 0
    wrong = count = 0
    rng = random.Random(5)
    clean = '\n'.join(t for t in texts(21, args.texts, []) if len(t) < 1000).encode()
    # Stray continuation bytes and cut characters; overlong forms and surrogates are left out: llama.cpp lets them pass.
    broken = b''.join(bytes([rng.choice(b'abc \n\x80\xbf\xe2\xf0\xc3\xff\xf8')]) if rng.randrange(9) == 0 else bytes([b]) for b in clean[:40000])
    broken = b' '.join(w for w in broken.split(b' ') if not any(x in w for x in (b'\xc0', b'\xc1', b'\xe0\x80', b'\xf0\x80', b'\xed', b'\xf4', b'\xf0\xbf', b'\xf8')))
    for file in sorted(os.listdir(os.path.join(args.shared, 'tokenizers'))) if os.path.isdir(os.path.join(args.shared, 'tokenizers')) else []:
        if not file.endswith('.gguf'): continue
        path = os.path.join(args.shared, 'tokenizers', file)
        for kind, text in (('clean', clean), ('invalid UTF-8', broken)):
            # Falcon has no tokens for these. Its own tokenizer and this one join what is around them, llama.cpp does not.
            if 'falcon' in file: text = text.replace(b'\r', b'').replace(b'\x0b', b'')
            source = os.path.join(folder, 'text')
            with open(source, 'wb') as out: out.write(text)
            run = subprocess.run([tool, '-m', path, '-f', source, '--ids', '--no-bos', '--no-escape', '--log-disable'], capture_output=True)
            want = run.stdout.decode().strip().strip('[]').replace(',', ' ').split()
            met = drive(args.driver, path, [text], '--no-special', '--parse-special')[0][0]
            count += 1
            if met != want:
                wrong += 1
                at = next((i for i, (a, b) in enumerate(zip(met, want)) if a != b), min(len(met), len(want)))
                before = bytes.fromhex(drive(args.driver, path, [text], '--no-special', '--parse-special')[0][1])[:1]
                print(f'  {file}, {kind}: token {at}: met {met[at:at + 8]} expected {want[at:at + 8]} {run.stderr[-200:] if not want else before}')
            print(f'{file} against llama.cpp, {kind}: {"equal" if met == want else "different"}, {len(want)} tokens')
    return wrong, count


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--driver', required=True)
    parser.add_argument('--shared', default='../shared')
    parser.add_argument('--texts', type=int, default=120)
    parser.add_argument('--only', default='', help='compare only what has this in its name')
    args = parser.parse_args()
    wrong, compared = 0, False
    with tempfile.TemporaryDirectory() as folder:
        try:
            import tokenizers, gguf  # noqa: F401
        except ImportError as error:
            print(f'skipped: {error}')
        else:
            compared = True
            print(f'tokenizers {tokenizers.__version__}')
            wrong += trained(args, tokenizers, folder)
            wrong += published(args, tokenizers, folder)
        more, count = against_llama(args, folder)
        wrong += more
        compared = compared or count > 0
    if not compared: sys.exit(77)
    sys.exit(1 if wrong else 0)


if __name__ == '__main__':
    main()
