"""Templates and inflection.

A template is text with choices and slots: `[A|The] {adj} dog [ran|walked] home.` Choices nest and may be empty; `{name}` is
looked up in a dict. A slot whose name starts with a capital letter that is missing in the dict is the lower-case slot with a
capital first letter, so `{He}` follows from `he`.
"""

import random
import zlib
from functools import lru_cache

import lexicon


@lru_cache(maxsize=None)
def _parse(text):
    def sequence(i, stops):
        parts, plain = [], []

        def flush():
            if plain:
                parts.append("".join(plain))
                plain.clear()

        while i < len(text) and text[i] not in stops:
            c = text[i]
            if c == "[":
                flush()
                options = []
                while True:
                    option, i = sequence(i + 1, "|]")
                    options.append(option)
                    if i >= len(text):
                        raise ValueError("unclosed [ in: " + text)
                    if text[i] == "]":
                        break
                parts.append(options)
                i += 1
            elif c == "{":
                flush()
                end = text.index("}", i)
                parts.append((text[i + 1:end],))
                i = end + 1
            else:
                plain.append(c)
                i += 1
        flush()
        return parts, i

    parts, end = sequence(0, "")
    assert end == len(text)
    return parts


def capital(s):
    return s[:1].upper() + s[1:]


class Draw:
    """A random source that knows its split: some combinations are kept out of training and met only in the held-out text."""

    def __init__(self, seed, heldout=False):
        self.r = random.Random(seed)
        self.heldout = heldout
        self.hero = None  # (name, 'f' or 'm') when the next tale is about a given person
        self.known_hero = False  # and whether the reader has met that person
        self.random = self.r.random
        self.choice = self.r.choice
        self.sample = self.r.sample

    def int(self, a, b):
        return a + int(self.random() * (b - a + 1))

    def chance(self, p):
        return self.random() < p

    def weighted(self, pairs):
        x = self.random() * sum(w for _, w in pairs)
        for item, w in pairs:
            x -= w
            if x < 0:
                return item
        return pairs[-1][0]

    def shuffled(self, items):
        items = list(items)
        self.r.shuffle(items)
        return items

    def ranked(self, items, n):
        """n different items, the early ones more often: what comes first to mind is said first and most."""
        left, out = list(items), []
        while len(out) < n:
            total = sum(1 / (i + 1.5) for i in range(len(left)))
            x = self.random() * total
            for i in range(len(left)):
                x -= 1 / (i + 1.5)
                if x < 0:
                    break
            out.append(left.pop(i))
        return out

    def pair(self, first, second):
        """One of each. In training never a reserved combination (1 in 16 by checksum), in the held-out text always one."""
        while True:
            a, b = self.choice(first), self.choice(second)
            if (zlib.crc32(f"{a}+{b}".encode()) % 16 == 0) == self.heldout:
                return a, b

    def say(self, template, slots=None):
        out = []
        self._emit(_parse(template), slots, out)
        return "".join(out)

    def _emit(self, parts, slots, out):
        for p in parts:
            if type(p) is str:
                out.append(p)
            elif type(p) is tuple:
                key = p[0]
                if key in slots:
                    out.append(slots[key])
                else:
                    out.append(capital(slots[key[0].lower() + key[1:]]))
            else:
                self._emit(p[int(self.random() * len(p))], slots, out)


VOWEL_SOUND_EXCEPTIONS = {"hour": True, "honest": True, "uniform": False, "useful": False, "one": False, "unusual": True, "ewe": False}


def a(noun):
    if noun.startswith("bars of"):
        return "some soap"
    first = noun.split(" ")[0].split("-")[0].lower()
    vowel = VOWEL_SOUND_EXCEPTIONS.get(first, first[:1] in "aeiou")
    return ("an " if vowel else "a ") + noun


def and_list(items, last="and"):
    items = list(items)
    if len(items) == 1:
        return items[0]
    return ", ".join(items[:-1]) + f" {last} " + items[-1]


def gerund(verb):
    if verb.endswith("ie"):
        return verb[:-2] + "ying"
    if verb.endswith("e") and not verb.endswith("ee"):
        return verb[:-1] + "ing"
    if verb in DOUBLED:
        return verb + verb[-1] + "ing"
    return verb + "ing"


DOUBLED = {"run", "swim", "cut", "sit", "win", "begin", "dig", "forget", "put", "get", "stop", "plan", "hug", "clap", "shut", "drop", "hop", "chop", "let"}


def third(verb):
    if verb in ("go", "do") or verb.endswith(("s", "sh", "ch", "x", "z")):
        return verb + "es"
    if verb.endswith("y") and verb[-2] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


ONES = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
ORDINALS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()


def number(n):
    if n < 20:
        return ONES[n]
    if n < 100:
        return TENS[n // 10] + ("-" + ONES[n % 10] if n % 10 else "")
    if n < 1000:
        return ONES[n // 100] + " hundred" + (" and " + number(n % 100) if n % 100 else "")
    return str(n)


SYLLABLES = "ba be bi bo bu da de di do du fa fe fi fo ga ge gi go ka ke ki ko la le li lo lu ma me mi mo mu na ne ni no pa pe pi po ra re ri ro ru sa se si so ta te ti to tu va ve vi vo za ze zo".split()
ENDS = ["", "", "n", "r", "l", "s", "k", "m", "t"]


def invented_word(d):
    return "".join(d.choice(SYLLABLES) for _ in range(d.int(2, 4))) + d.choice(ENDS)


def any_name(d):
    """A first name; now and then one that nobody has, so that names are copied and not guessed."""
    if d.chance(.12):
        return capital(invented_word(d))
    return d.choice(lexicon.GIRLS if d.chance(.5) else lexicon.BOYS)


def pronouns(kind):
    """Slots for a person or an animal: kind is 'f', 'm' or 'n' (it) or 'p' (they)."""
    return {
        "f": dict(he="she", him="her", his="her", himself="herself"),
        "m": dict(he="he", him="him", his="his", himself="himself"),
        "n": dict(he="it", him="it", his="its", himself="itself"),
    }[kind]
