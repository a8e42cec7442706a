"""Small jobs with a checkable answer: lists, counting, arithmetic, rewriting, sorting, JSON."""

import json

import facts
import lexicon as L
from facts import QA
from grammar import a, and_list, any_name, capital, gerund, invented_word, number, third

ALL_NAMES = L.GIRLS + L.BOYS


def count_word(d, n):
    return number(n) if d.chance(.6) else str(n)


def render_list(d, items, style=None):
    style = style or d.choice(["number", "bullet", "comma", "number"])
    if style == "number":
        return "\n".join(f"{i + 1}. {capital(x)}" for i, x in enumerate(items))
    if style == "bullet":
        return "\n".join(f"- {capital(x)}" for x in items)
    return capital(and_list(items)) + "."


def list_of(d):
    name = d.choice(list(L.CATEGORIES))
    pool = L.CATEGORIES[name]
    n = d.int(1, min(7, len(pool)))
    items = d.ranked(pool, n)
    if name in ("days of the week", "months", "planets", "seasons") and (n == len(pool) or d.chance(.7)):
        items = pool[:n]
    style, hint = d.choice([("number", ""), ("number", " as a numbered list"), ("bullet", " as a bullet list"), ("comma", " in one line"), ("comma", " separated by commas"), ("number", ""), ("number", "")])
    one = {"countries": "country", "capitals": "capital", "days of the week": "day of the week", "clothes": "piece of clothing", "pieces of furniture": "piece of furniture", "parts of the body": "part of the body", "family members": "family member",
           "hobbies": "hobby"}.get(name, name[:-1])
    what = name if n > 1 else one
    if n == 1 and (" in " in name or " that " in name or " with " in name or "things" in name or name in ("girls' names", "boys' names")):
        n, items, what = 2, d.ranked(pool, 2), name
    if n == 1:
        style, hint = "comma", ""
    w = count_word(d, n)
    q = d.say("[Name {n} {c}|Give me {n} {c}|Tell me {n} {c}|Can you name {n} {c}]" if n == 1 else "[List {n} {c}|Name {n} {c}|Give me {n} {c}|Write down {n} {c}|Tell me {n} {c}|Can you name {n} {c}|Please list {n} {c}|Write a list of {n} {c}|I need {n} {c}]", {"n": w, "c": what}) + hint
    q += "?" if q.startswith("Can") else "."
    if n == 1:
        return QA(q, capital(items[0]) + ".", "")
    rest = [x for x in pool if x not in items]
    follow = None
    if rest and d.chance(.7):
        m = d.int(1, min(3, len(rest)))
        more = d.ranked(rest, m)
        follow = (d.say("[Give me {m} more.|{M} more, please.|Can you name {m} more?|And {m} more?]", {"m": number(m)}), render_list(d, more, style) if m > 1 else capital(more[0]) + ".")
    return QA(q, render_list(d, items, style), "", follow)


def list_all(d):
    name, pool = d.choice([("days of the week", L.DAYS), ("months of the year", L.MONTHS), ("seasons", L.SEASONS), ("planets", L.PLANETS), ("continents", L.CONTINENTS), ("letters of the alphabet", L.LETTERS), ("vowels", list("aeiou"))])
    q = d.say("[List|Name|Tell me|Write down|What are|Can you list] [the|all the|all] {c}", {"c": name})
    q += "?" if q.startswith(("What", "Can")) else "."
    return QA(q, capital(and_list(pool)) + "." if len(pool) > 8 or d.chance(.5) else render_list(d, pool))


def counting(d):
    step = d.choice([1, 1, 1, 2, 5, 10, -1, -1])
    k = d.int(3, 10)
    if step > 0:
        start = {1: d.int(0, 15), 2: d.int(1, 6), 5: 5, 10: 10}[step]
        if d.chance(.3):
            start = {1: 1, 2: 2, 5: 5, 10: 10}[step]
    else:
        start = d.int(3, 20)
        k = min(k, start + 1)
    seq = [start + i * step for i in range(k)]
    if step == 1 and d.chance(.3):
        seq = list(range(1, d.choice([5, 10, 10, 20]) + 1))
    how = {1: "", 2: " by twos", 5: " by fives", 10: " by tens", -1: " backwards" if d.chance(.5) else " down"}[step]
    w = d.chance(.25)
    q = d.say("[Count|Please count|Can you count|Count for me]{how} from {x} to {y}", {"how": how, "x": number(seq[0]) if w else str(seq[0]), "y": number(seq[-1]) if w else str(seq[-1])})
    if step == 1 and seq[0] == 1 and d.chance(.4):
        q = d.say("[Count|Can you count|Please count] to {y}", {"y": number(seq[-1]) if w else str(seq[-1])})
    q += "?" if q.startswith("Can") else "."
    return QA(q, ", ".join(number(x) if w else str(x) for x in seq) + ("." if not w else "."))


def sequence(d):
    step = d.choice([1, 2, 3, 5, 10, -1, -2])
    start = d.int(1, 20) if step > 0 else d.int(10, 20)
    if step == 10:
        start = d.choice([10, 20, 30])
    seq = [start + i * step for i in range(5)]
    shown = ", ".join(str(x) for x in seq[:4])
    q = d.say("[What comes next: {s}?|What is the next number: {s}?|Continue the sequence: {s}|Which number comes next? {s}|{s}, ... What comes next?]", {"s": shown})
    return QA(q, d.say("[The next number is {n}.|{n} comes next.|The next number is {n}.]", {"n": str(seq[4])}), str(seq[4]))


def arithmetic(d):
    op = d.choice("+++---**/")
    if op == "+":
        big = 99 if d.chance(.35) else 20
        x = d.int(0, big)
        y = d.int(0, big)
        r = x + y
        words = d.choice(["plus", "and", "added to"]) if d.chance(.1) else "plus"
    elif op == "-":
        x = d.int(0, 99 if d.chance(.35) else 20)
        y = d.int(0, x)
        r = x - y
        words = "minus"
    elif op == "*":
        x, y = d.int(0, 10), d.int(0, 10)
        r = x * y
        words = "times"
    else:
        y, r = d.int(1, 10), d.int(1, 10)
        x = y * r
        words = "divided by"
    sign = {"+": "+", "-": "-", "*": d.choice(["*", "x", "*"]), "/": d.choice(["/", ":", "/"])}[op]
    form = d.int(0, 2)
    if form == 0:
        q = d.say("[What is {x} {w} {y}?|What's {x} {w} {y}?|How much is {x} {w} {y}?|Calculate {x} {w} {y}.|{x} {w} {y}?|Can you tell me what {x} {w} {y} is?|{x} {w} {y} is what?]", {"x": str(x), "y": str(y), "w": words})
        return QA(q, d.say("[{x} {w} {y} is {r}.|{x} {w} {y} equals {r}.|{x} {w} {y} is {r}.]", {"x": str(x), "y": str(y), "w": words, "r": str(r)}), str(r))
    if form == 1:
        gap = d.choice(["", " ", " "])
        q = d.say("[What is {e}?|{e}|{e} =|{e}?|Calculate {e}.|How much is {e}?|Solve {e}.|Compute {e}.]", {"e": f"{x}{gap}{sign}{gap}{y}"})
        return QA(q, f"{x} {sign} {y} = {r}" + d.choice(["", "."]), str(r))
    q = d.say("[What is {x} {w} {y}?|How much is {x} {w} {y}?]", {"x": number(x), "y": number(y), "w": words})
    return QA(q, capital(f"{number(x)} {words} {number(y)} is {number(r)}."), number(r))


def word_problem(d):
    name = any_name(d)
    he, his = ("she", "her") if name in L.GIRLS else ("he", "his")
    item = d.choice(["apples", "balls", "books", "coins", "cookies", "pencils", "stones", "flowers", "eggs", "cards", "marbles", "stamps", "nuts", "pears", "shells", "candles", "stickers"])
    friend = any_name(d)
    x = d.int(1, 12)
    if d.chance(.5):
        y = d.int(1, 10)
        q = d.say("{n} has {x} {i}. [{He} gets {y} more.|{f} gives {him} {y} more.|{He} finds {y} more.|{He} buys {y} more.] How many {i} does {n} have now?",
                  {"n": name, "x": number(x) if d.chance(.6) else str(x), "i": item if x != 1 else item[:-1], "he": he, "f": friend, "him": "her" if he == "she" else "him", "y": number(y) if d.chance(.6) else str(y)})
        q = q.replace(f"How many {item[:-1]} does", f"How many {item} does")
        r, sign = x + y, "+"
    else:
        x += 1
        y = d.int(1, x)
        if y == x and d.chance(.7):
            y -= 1
        y = max(y, 1)
        q = d.say("{n} has {x} {i}. [{He} gives {y} to {f}.|{He} loses {y} of them.|{He} gives {y} away.|{He} sells {y} of them.] How many {i} [does {n} have left|are left|does {n} have now]?",
                  {"n": name, "x": number(x) if d.chance(.6) else str(x), "i": item, "he": he, "f": friend, "y": number(y) if d.chance(.6) else str(y)})
        r, sign = x - y, "-"
    thing = item if r != 1 else item[:-1]
    left = " left" if "left" in q else ""
    have = f"{name} has {number(r) if r else 'no'} {thing}{left or ' now'}."
    return QA(q, d.choice([have, f"{x} {sign} {y} = {r}. {have}", have]), str(r))


def compare_numbers(d):
    x, y = d.sample(range(0, 100), 2)
    k = d.int(0, 2)
    if k == 0:
        big = d.chance(.6)
        q = d.say("[Which number is {w}, {x} or {y}?|Which is {w}: {x} or {y}?|Is {x} or {y} {w}?|What is {w}, {x} or {y}?]", {"w": "bigger" if big else "smaller", "x": str(x), "y": str(y)})
        r = max(x, y) if big else min(x, y)
        return QA(q, f"{r} is {'bigger' if big else 'smaller'} than {x + y - r}.", str(r))
    if k == 1:
        n = d.int(0, 99)
        even = n % 2 == 0
        ask = d.chance(.5)
        q = d.say("[Is {n} even or odd?|Is {n} an even number?|Is the number {n} even?]" if ask else "[Is {n} odd or even?|Is {n} an odd number?|Is the number {n} odd?]", {"n": str(n)})
        if " or " in q:
            return QA(q, f"{n} is {'even' if even else 'odd'}.", "even" if even else "odd")
        yes = even == ask
        return QA(q, f"{'Yes' if yes else 'No'}, {n} is {'even' if even else 'odd'}.", "yes" if yes else "no")
    after = d.chance(.6)
    n = d.int(1, 99)
    return QA(d.say("[What number comes {w} {n}?|Which number comes {w} {n}?|What comes {w} {n}?]", {"w": "after" if after else "before", "n": str(n)}), f"{n + 1 if after else n - 1} comes {'after' if after else 'before'} {n}.", str(n + 1 if after else n - 1))


def sort_numbers(d):
    xs = d.sample(range(1, 60), d.int(3, 6))
    down = d.chance(.3)
    q = d.say("[Sort these numbers|Sort the numbers|Put these numbers in order|Order these numbers] {h}: {x}", {"h": "from largest to smallest" if down else d.choice(["from smallest to largest", "from small to large", "from low to high"]), "x": ", ".join(map(str, xs))})
    return QA(q, ", ".join(map(str, sorted(xs, reverse=down))))


SIMPLE_WORDS = sorted({x[0] for x in L.ANIMALS} | {p[0] for p in L.PRODUCE} | {o[0] for o in L.OBJECTS} | {v[0] for v in L.VERBS} | {x[0] for x in L.ADJECTIVES} | set(L.COLORS) | {w for w, _ in L.DEFINITIONS if " " not in w})
SHORT_WORDS = [w for w in SIMPLE_WORDS if len(w) <= 7 and "-" not in w and " " not in w]


def sort_words(d):
    xs = d.sample(SHORT_WORDS, d.int(3, 5))
    while len({x[0] for x in xs}) < len(xs):
        xs = d.sample(SHORT_WORDS, len(xs))
    q = d.say("[Sort these words|Put these words in order|Sort the words|Put these words in alphabetical order|Order these words from A to Z|Sort alphabetically]: {x}", {"x": ", ".join(xs)})
    if "alphab" not in q and "A to Z" not in q:
        q = q.replace(":", " alphabetically:")
    return QA(q, ", ".join(sorted(xs)))


def letters(d):
    w = d.choice(SHORT_WORDS)
    quote = d.choice(["'", '"', ""])
    x = f"{quote}{w}{quote}"
    k = d.int(0, 5)
    spelled = "-".join(w)
    if k == 0:
        return QA(d.say("[Spell {x}.|How do you spell {x}?|Spell the word {x}.|Please spell {x}.|Can you spell {x}?]", {"x": x}), d.choice([spelled, spelled + "."]), "")
    if k == 1:
        return QA(d.say("[How many letters are in {x}?|How many letters does {x} have?|How many letters does the word {x} have?|Count the letters in {x}.|Count the letters of the word {x}.]", {"x": x}), d.choice([f"The word {w} has {number(len(w))} letters: {spelled}.", f"{spelled}: {len(w)} letters."]), "")
    if k == 2:
        first = d.chance(.5)
        return QA(d.say("[What is the {f} letter of {x}?|Which letter is {f} in {x}?|What is the {f} letter of the word {x}?]", {"x": x, "f": "first" if first else "last"}), f"The {'first' if first else 'last'} letter of {w} is {w[0] if first else w[-1]}.", w[0] if first else w[-1])
    if k == 3:
        c = d.choice(w)
        pool = [z for z in SHORT_WORDS if z[0] == w[0]]
        n = d.int(1, min(4, len(pool)))
        xs = d.sample(pool, n)
        c = w[0]
        return QA(d.say("[Name|Give me|Tell me|Write] {n} [that [starts|begins] with {c}|that [starts|begins] with the letter {c}].", {"n": "a word" if n == 1 else f"{number(n)} words", "c": c.upper() if d.chance(.6) else c}).replace("words that starts", "words that start").replace("words that begins", "words that begin"), render_list(d, xs, "comma") if n > 1 else capital(xs[0]) + ".")
    if k == 4:
        c = d.choice(w) if d.chance(.5) else d.choice("aeiostrnlbcdgmpu")
        yes = c in w
        article = "an" if c in "aefhilmnorsx" else "a"
        return QA(d.say("[Is there {c} in {x}?|Does {x} have {c}?|Does the word {x} contain {c}?]", {"x": x, "c": f"the letter {c}"}), f"{spelled}: {'yes' if yes else 'no'}, there is {article if yes else 'no'} {c} in {w}.", "yes" if yes else "no")
    w = w if len(w) <= 5 else d.choice([z for z in SHORT_WORDS if len(z) <= 4])
    return QA(d.say("[Write {w} backwards.|Spell {w} backwards.|Reverse the word {w}.|What is {w} backwards?]", {"w": w}), d.choice([f"{'-'.join(w)} becomes {'-'.join(w[::-1])}: {w[::-1]}"]), "")


def plural(d):
    pool = [(x[0], x[1]) for x in L.ANIMALS] + [(p[0], p[1]) for p in L.PRODUCE] + [(o[0], o[1]) for o in L.OBJECTS if o[0] != "soap"] + IRREGULAR * 3
    x, y = d.choice(pool)
    if d.chance(.7):
        return QA(d.say("[What is the plural of {x}?|Give me the plural of {x}.|What is the plural of '{x}'?|Plural of {x}?|One {x}, two ...?|Write the plural of {x}.]", {"x": x}), f"The plural of {x} is {y}." , y)
    return QA(d.say("[What is the singular of {y}?|What is the singular form of {y}?]", {"y": y}), f"The singular of {y} is {x}.", x)


IRREGULAR = [("man", "men"), ("woman", "women"), ("child", "children"), ("foot", "feet"), ("tooth", "teeth"), ("mouse", "mice"), ("goose", "geese"), ("person", "people"), ("leaf", "leaves"), ("knife", "knives"), ("wolf", "wolves"), ("city", "cities"),
             ("baby", "babies"), ("box", "boxes"), ("story", "stories"), ("country", "countries"), ("house", "houses"), ("church", "churches"), ("family", "families"), ("day", "days")]


def verb_form(d):
    v = d.choice(L.VERBS)
    k = d.int(0, 3)
    if k == 0:
        return QA(d.say("[What is the past tense of {v}?|What is the past tense of '{v}'?|Give me the past tense of {v}.|What is the past of {v}?|Past tense of {v}?]", {"v": v[0]}), f"The past tense of {v[0]} is {v[1]}.", v[1])
    if k == 1:
        return QA(d.say("[What is the past participle of {v}?|Give me the past participle of {v}.|What is the third form of the verb {v}?]", {"v": v[0]}), f"The past participle of {v[0]} is {v[2]}.", v[2]) if d.chance(.6) else QA(d.say("[What are the three forms of {v}?|Give me the three forms of the verb {v}.]", {"v": v[0]}), f"{v[0]}, {v[1]}, {v[2]}")
    if k == 2:
        return QA(d.say("[What is the -ing form of {v}?|Give me the ing form of {v}.]", {"v": v[0]}), f"The -ing form of {v[0]} is {gerund(v[0])}.", gerund(v[0]))
    adj = d.choice(L.ADJECTIVES)
    if d.chance(.5):
        return QA(d.say("[What is the comparative of {x}?|Give me the comparative form of {x}.]", {"x": adj[0]}), f"The comparative of {adj[0]} is {adj[1]}.", adj[1])
    return QA(d.say("[What is the superlative of {x}?|Give me the superlative form of {x}.]", {"x": adj[0]}), f"The superlative of {adj[0]} is {adj[2]}.", adj[2])


def subject(d):
    """(text, he/she/it/they/I, third person singular?)"""
    k = d.int(0, 4)
    if k <= 1:
        n = any_name(d)
        return n, True
    if k == 2:
        return "the " + d.choice(["boy", "girl", "man", "woman", "teacher", "farmer", "old man", "young woman", "doctor", "cook", "child", "neighbor", "baker", "driver"]), True
    if k == 3:
        return d.choice(["he", "she"]), True
    return d.choice(["they", "we", "I", "you", "the children", "my friends", "the boys", "the girls"]), False


TIMES = ["every day", "every morning", "in the evening", "on Sundays", "after school", "in the summer", ""]


def clause(d):
    v = d.choice(L.VERBS)
    s, single = subject(d)
    return v, s, single


def rewrite(d):
    v, s, single = clause(d)
    o = v[3]
    present = capital(f"{s} {third(v[0]) if single else v[0]} {o}.")
    past = capital(f"{s} {v[1]} {o}.")
    future = capital(f"{s} will {v[0]} {o}.")
    be = "am" if s == "I" else "is" if single else "are"
    low = s if s == "I" or s[0].isupper() else s
    kind = d.choice(["past", "past", "future", "present", "negative", "question", "ing", "they"])
    do = "does" if single else "do"
    neg = capital(f"{s} {do} not {v[0]} {o}.")
    question = capital(f"{do} {low} {v[0]} {o}?")
    ing = capital(f"{s} {be} {gerund(v[0])} {o}.")
    if kind == "past":
        src, out, name = present if d.chance(.8) else future, past, "[in the past tense|in the past|in past tense]"
    elif kind == "future":
        src, out, name = present if d.chance(.6) else past, future, "[in the future tense|in the future]"
    elif kind == "present":
        src, out, name = past, present, "[in the present tense|in the present]"
    elif kind == "negative":
        src, out, name = present, neg, "[as a negative sentence|in the negative|with not]"
    elif kind == "question":
        src, out, name = present, question, "[as a question]"
    elif kind == "ing":
        src, out, name = present, ing, "[in the present continuous|with the -ing form]"
    else:
        if s in ("they", "I", "you", "we"):
            src, out, name = present, past, "[in the past tense|in the past]"
        else:
            src, out, name = present, f"They {v[0]} {o}.", "[with they|with 'they' as the subject]"
    q = d.say("[Rewrite|Write|Put|Change] [this sentence|the sentence|this] " + name + ": {s}", {"s": src}) if d.chance(.7) else d.say("{s} [Write this|Put this|Rewrite this sentence] " + name + ".", {"s": src})
    return QA(q.replace("Put this with", "Write this with").replace("Change this as", "Write this as").replace("Put this as", "Write this as"), out)


def phrase(d):
    k = d.int(0, 6)
    if k == 4:
        return " ".join(invented_word(d) if d.chance(.5) else d.choice(SHORT_WORDS) for _ in range(d.int(1, 4)))
    if k == 5:
        return facts.fact(d).full.rstrip(".")
    if k == 6:
        return d.say("[this is|here is|that was|I see|we like|you are] [my|your|our|his|her] {x} {n}[ and| but| or|,] [my|your|the|our] {m}", {"x": d.choice(L.ADJECTIVES)[0], "n": d.choice(SHORT_WORDS), "m": d.choice(["friend", "family", "dog", "house", "mother", "father", "book", "name"])})
    if k == 0:
        return " ".join(d.sample(SHORT_WORDS, d.int(1, 4)))
    if k == 1:
        v, s, single = clause(d)
        return f"{s} {third(v[0]) if single else v[0]} {v[3]}"
    if k == 2:
        return d.say("the {x} {n} is {y}", {"x": d.choice(L.COLORS), "n": d.choice(L.OBJECTS)[0], "y": d.choice(L.ADJECTIVES)[0]})
    return d.say("[hello world|good morning|thank you|happy birthday|see you soon|good night|welcome home|have a nice day|open the door|the end|no problem|well done|come in|take care|good luck]")


def letter_case(d):
    p = phrase(d)
    quote = d.choice(["", "'", '"'])
    k = d.int(0, 2)
    if k <= 1:
        q = d.say("[Write {p} in capital letters.|Write {p} in uppercase.|Rewrite in capital letters: {p}|Put this in capital letters: {p}|Make this uppercase: {p}|Convert to uppercase: {p}|In capital letters, please: {p}]", {"p": quote + p + quote})
        return QA(q, p.upper())
    up = p.upper() if d.chance(.5) else p.title()
    q = d.say("[Write {p} in small letters.|Write {p} in lowercase.|Make this lowercase: {p}|Rewrite in lowercase: {p}|Convert to lowercase: {p}]", {"p": quote + up + quote})
    return QA(q, up.lower())


ODD_TEXT = ["café", "naïve", "Zürich", "São Paulo", "jalapeño", "smörgås", "über", "façade", "Ærø", "Øre", "Łódź", "αβγ", "привет", "你好", "こんにちは", "안녕", "שלום", "مرحبا", "€5", "£10", "¥100", "±1", "½", "→", "✓", "★", "☺", "🙂", "🎉", "🐱", "“quoted”", "it’s", "–", "—", "…", "©", "°C", "100%", "a_b", "x^2", "C++", "#1", "@home", "~", "{x}", "[y]", "<b>", "a|b", "\\n", "$7", "&", "`code`"]


def repeat(d):
    k = d.int(0, 3)
    if k == 0:
        w = d.choice(SHORT_WORDS)
        n = d.int(2, 5)
        return QA(d.say("[Say|Repeat|Write] the word {w} {n} times.", {"w": w, "n": number(n)}), " ".join([w] * n))
    if k == 1:
        parts = [d.choice(ODD_TEXT) if d.chance(.4) else invented_word(d) if d.chance(.4) else d.choice(SHORT_WORDS) for _ in range(d.int(1, 6))]
        if d.chance(.3):
            parts.append(str(d.int(0, 99999)))
        p = " ".join(d.shuffled(parts))
    elif k == 2:
        p = capital(phrase(d)) + d.choice([".", "!", "", "?"])
    else:
        n = any_name(d)
        p = d.say("{n} [and|met|saw|likes|helps|called] {m}.", {"n": n + " " + d.choice(L.LAST_NAMES), "m": any_name(d)}).replace(" and ", " saw ")
    return QA(d.say("[Repeat this: {p}|Repeat: {p}|Say this: {p}|Repeat after me: {p}|Copy this text: {p}|Write exactly this: {p}|Echo: {p}]", {"p": p}), p)


def odd_one(d):
    names = ["fruits", "birds", "colors", "tools", "vehicles", "clothes", "musical instruments", "days of the week", "months", "countries", "sports"]
    g, h = d.sample(names, 2)
    while {g, h} in ({"colors", "fruits"}, {"sports", "tools"}):
        g, h = d.sample(names, 2)
    xs = d.sample(L.CATEGORIES[g], 3)
    y = d.choice([z for z in L.CATEGORIES[h] if z != "orange"])
    mixed = d.shuffled(xs + [y])
    be = "are" if y.endswith("s") and h in ("fruits", "birds", "tools", "vehicles", "clothes", "musical instruments") else "is"
    return QA(d.say("[Which word does not belong?|Which one does not fit?|Find the odd one out:|What is the odd one out?|Which of these is different?] {x}", {"x": ", ".join(mixed)}), f"{capital(y)} {'does' if be == 'is' else 'do'} not belong. The others are {g}.", y)


def category_of(d):
    g = d.choice(["fruits", "birds", "colors", "tools", "vehicles", "clothes", "musical instruments", "days of the week", "months", "countries", "sports", "vegetables", "insects", "pieces of furniture", "metals", "feelings", "jobs", "languages", "planets", "flowers"])
    xs = d.sample(L.CATEGORIES[g], 3)
    return QA(d.say("[What are these? {x}|What do these have in common: {x}?|What do {x} have in common?|Which group do these belong to: {x}?]", {"x": and_list(xs)}), d.say("[They are all {g}.|These are {g}.|They are {g}.]", {"g": g}), g)


def person_record(d):
    name = any_name(d)
    r = {"name": name}
    he, his = ("she", "her") if name in L.GIRLS else ("he", "his")
    fields = d.sample(["age", "city", "job", "pet", "hobby", "color", "food"], d.int(1, 4))
    said = []
    for f in ["age", "city", "job", "pet", "hobby", "color", "food"]:
        if f not in fields:
            continue
        if f == "age":
            r[f] = d.int(4, 80)
            said.append(f"is {r[f]} years old")
        elif f == "city":
            r[f] = d.choice(L.COUNTRIES)[1]
            said.append(f"lives in {r[f]}")
        elif f == "job":
            r[f] = d.choice(L.JOBS)[0]
            said.append(f"is {a(r[f])}")
        elif f == "pet":
            r[f] = d.choice(["dog", "cat", "rabbit", "parrot", "horse", "hen", "turtle", "fish", "mouse", "goat"])
            said.append(f"has {a(r[f])}")
        elif f == "hobby":
            r[f] = d.choice(L.HOBBIES)
            said.append(f"likes {r[f]}")
        elif f == "color":
            r[f] = d.choice(L.COLORS[:11])
            said.append(f"likes the color {r[f]}")
        else:
            r[f] = d.choice(L.DISHES)
            said.append(f"likes to eat {r[f]}")
    if len(said) == 1 or d.chance(.5):
        text = f"{name} " + and_list(said) + "."
    else:
        text = f"{name} {said[0]}. " + " ".join(capital(f"{he} {s}.") for s in said[1:])
    return r, text, he, his


def dump(d, obj, style=None):
    style = style or d.choice(["flat", "flat", "pretty"])
    if style == "pretty":
        return json.dumps(obj, indent=2)
    return json.dumps(obj)


def json_task(d):
    k = d.int(0, 5)
    pretty = d.chance(.3)
    style = "pretty" if pretty else "flat"
    hint = d.choice([" Use indentation.", " Pretty print it."]) if pretty else ""
    if k <= 1:
        r, text, he, his = person_record(d)
        q = d.say("[Write this as JSON: {t}|Turn this into JSON: {t}|Make a JSON object: {t}|Convert to JSON: {t}|{t} Write it as JSON.|Give me JSON for this: {t}|Extract the facts as JSON: {t}]", {"t": text})
        return QA(q + hint, dump(d, r, style))
    if k == 2:
        r, text, he, his = person_record(d)
        keys = list(r)[:d.int(1, len(r))]
        q = d.say("[Write a JSON object with {k}.|Make a JSON object with {k}.|Give me an example of a JSON object with {k}.|Create JSON with the [fields|keys] {k}.]", {"k": and_list(keys)})
        return QA(q + hint, dump(d, {x: r[x] for x in keys}, style))
    if k == 3:
        name = d.choice(list(L.CATEGORIES))
        pool = L.CATEGORIES[name]
        n = d.int(2, min(5, len(pool)))
        xs = d.ranked(pool, n)
        q = d.say("[Give me a JSON array of {n} {c}.|List {n} {c} as a JSON array.|Write {n} {c} as a JSON list.|Make a JSON array with {n} {c}.]", {"n": number(n), "c": name})
        return QA(q, dump(d, xs, "flat"))
    if k == 4:
        item = d.choice(L.OBJECTS)[0]
        r = {"item": item, "color": d.choice(L.COLORS[:11]), "price": d.int(1, 50)}
        if d.chance(.5):
            r["in_stock"] = d.chance(.5)
        stock = "" if "in_stock" not in r else (" It is in stock." if r["in_stock"] else " It is not in stock.")
        q = d.say("[Write this as JSON|Turn this into JSON|Convert to JSON]: The {c} {i} costs {p} coins.", {"c": r["color"], "i": item, "p": str(r["price"])}) + stock
        return QA(q + hint, dump(d, r, style))
    r, text, he, his = person_record(d)
    key = d.choice([x for x in r if x != "name"] + ["name"])
    val = r[key]
    q = d.say("[Here is some JSON: {j} What is the {k}?|Read this JSON: {j} What is the value of {k}?|{j} What is the {k}?|What is the {k} in this JSON? {j}]", {"j": json.dumps(r), "k": key})
    return QA(q, f"The {key} is {val}.", str(val))


def fill_in(d):
    q, ans = d.choice(BLANKS)
    return QA(d.say("[Fill in the blank: {q}|Complete the sentence: {q}|Fill in the missing word: {q}|Which word is missing? {q}]", {"q": q}), q.replace("___", ans), ans)


BLANKS = [("The sky is ___.", "blue"), ("Grass is ___.", "green"), ("Snow is ___.", "white"), ("A dog has four ___.", "legs"), ("Birds can ___.", "fly"), ("Fish live in ___.", "water"), ("We sleep at ___.", "night"), ("The sun is ___.", "hot"), ("Ice is ___.", "cold"),
          ("We read ___.", "books"), ("Bees make ___.", "honey"), ("Cows give ___.", "milk"), ("Hens lay ___.", "eggs"), ("A week has seven ___.", "days"), ("A year has twelve ___.", "months"), ("We hear with our ___.", "ears"), ("We see with our ___.", "eyes"),
          ("The opposite of big is ___.", "small"), ("Monday comes before ___.", "Tuesday"), ("In winter it is ___.", "cold"), ("In summer it is ___.", "warm"), ("A baker makes ___.", "bread"), ("A teacher works at ___.", "school"), ("You cut paper with ___.", "scissors"),
          ("You write with a ___.", "pen"), ("A car has four ___.", "wheels"), ("An apple is a ___.", "fruit"), ("A carrot is a ___.", "vegetable"), ("Red is a ___.", "color"), ("Paris is the capital of ___.", "France"), ("The Earth goes around the ___.", "sun"), ("A triangle has three ___.", "sides")]


def make_sentence(d):
    k = d.int(0, 2)
    if k == 0:
        v = d.choice(L.VERBS)
        s, single = subject(d)
        q = d.say("[Write a sentence with the word {w}.|Make a sentence with {w}.|Use {w} in a sentence.|Use the word '{w}' in a sentence.]", {"w": v[0]})
        if single:
            s = d.choice(["They", "We", "I", "The children"])
        return QA(q, d.say("{s} {w} {o}[ every day| every week| on Sundays| in the summer|].", {"s": capital(s), "w": v[0], "o": v[3]}))
    if k == 1:
        adj = d.choice(L.ADJECTIVES)[0]
        q = d.say("[Write a sentence with the word {w}.|Make a sentence with {w}.|Use {w} in a sentence.]", {"w": adj})
        return QA(q, ADJ_SENTENCES.get(adj, f"This road is {adj}."))
    x = d.choice(L.ANIMALS)
    q = d.say("[Write a sentence about {x}.|Write one sentence about {x}.|Make a sentence about {x}.]", {"x": a(x[0])})
    return QA(q, d.say("[The {x} lives in {h}.|The {c} {x} eats {f}.|I saw a {c} {x} yesterday.]".replace(" a {c}", " the {c}"), {"x": x[0], "h": x[4], "c": x[9].split(",")[0], "f": x[5]}))


ADJ_SENTENCES = dict(happy="The child is happy today.", sad="The boy is sad because his ball is lost.", rich="The king was rich.", poor="The old farmer was poor.", brave="The brave girl helped the boy.", kind="My neighbor is very kind.", good="This is a good book.", bad="The weather is bad today.",
                     hot="The soup is very hot.", cold="The water in the lake is cold.", warm="The room is warm.", sweet="The apple is sweet.", loud="The music is loud.", quiet="The library is quiet.", young="The young dog likes to play.", old="My grandfather is old.", new="I have a new coat.",
                     wet="My shoes are wet.", dry="The towel is dry.", clean="The kitchen is clean.", dirty="His hands are dirty.", heavy="The box is heavy.", light="The bag is light.", fast="The horse is fast.", slow="The snail is slow.", strong="The bear is strong.", weak="The old man was weak.",
                     tall="The tree is tall.", short="The pencil is short.", big="The elephant is big.", small="The mouse is small.", hard="The stone is hard.", soft="The pillow is soft.", deep="The lake is deep.", full="The cup is full.", high="The mountain is high.", low="The wall is low.", sharp="The knife is sharp.",
                     early="The train was early.", late="The bus was late.", cheap="The pencil was cheap.", safe="We are safe here.", easy="The question is easy.", bright="The star is bright.", dark="The cave is dark.", thick="The book is thick.", thin="The paper is thin.", large="The house is large.")


ONE_OF = [("fruit", "fruits"), ("vegetable", "vegetables"), ("bird", "birds"), ("color", "colors"), ("sport", "sports"), ("country", "countries"), ("planet", "planets"), ("season", "seasons"), ("metal", "metals"), ("hobby", "hobbies"), ("drink", "drinks"), ("language", "languages"),
          ("continent", "continents"), ("feeling", "feelings"), ("day of the week", "days of the week"), ("month", "months"), ("city", "capitals"), ("job", "jobs"), ("shape", "shapes")]
COUNTED = {"fruit", "vegetable", "bird"}


def name_one(d):
    what, cat = d.choice(ONE_OF)
    x = d.choice([z[0] for z in L.ANIMALS if z[7] == "bird"] if what == "bird" else [z[0] for z in L.PRODUCE if z[3] == what] if what in COUNTED else L.CATEGORIES[cat])
    aw = a(what)
    q = d.say("[Name {w}.|Tell me {w}.|Give me {w}.|Give me an example of {w}.|Can you name {w}?|Say the name of {w}.]", {"w": aw})
    shown = a(x) if what in COUNTED or what in ("job", "shape") else x
    return QA(q, d.say("[{X}.|{X} is {w}.|One example is {x}.]", {"x": shown, "w": aw}), x, (d.say("[Another one, please.|And another one?|One more.]"), capital(d.choice([z for z in ([z[0] for z in L.PRODUCE if z[3] == what] if what in ("fruit", "vegetable") else [z[0] for z in L.ANIMALS if z[7] == "bird"] if what == "bird" else L.CATEGORIES[cat]) if z != x])) + "."))


KINDS = [(name_one, 4), (list_of, 13), (list_all, 2), (counting, 4), (sequence, 2), (arithmetic, 13), (word_problem, 6), (compare_numbers, 4), (sort_numbers, 2), (sort_words, 3), (letters, 8), (plural, 3), (verb_form, 4), (rewrite, 7), (letter_case, 7), (repeat, 5),
         (odd_one, 2), (category_of, 2), (json_task, 8), (fill_in, 2), (make_sentence, 3)]


def task(d):
    return d.weighted(KINDS)(d)
