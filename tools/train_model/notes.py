"""Small texts of loose facts, each with a question that only the text answers: practice in looking things up."""

import lexicon as L
from grammar import a, and_list, any_name, capital, number

TIMES = "one two three four five six seven eight nine ten eleven twelve".split()
RELATIVES = {"sister": "f", "mother": "f", "aunt": "f", "daughter": "f", "grandmother": "f", "brother": "m", "father": "m", "uncle": "m", "son": "m", "grandfather": "m", "friend": "n", "neighbor": "n", "teacher": "n", "cousin": "n"}
SPOTS = "on the table|under the bed|behind the door|in the drawer|on the shelf|next to the lamp|in the blue box|under the chair|in the garden|near the window|on the roof|in the car|behind the sofa|in the bag|on the wall".split("|")
SMALL = [o[0] for o in L.OBJECTS if int(o[5]) <= 5 and o[0] != "soap"]
PLACES = [p[0] for p in L.PLACES]


def went(place):
    """'in the park' -> 'to the park'."""
    return "to school" if place == "at school" else "to " + place.split(" ", 1)[1]


def fact_about(d, n, she):
    """(sentence, [(question, answer)]) about the person n."""
    he, his, him = ("she", "her", "her") if she else ("he", "his", "him")
    k = d.int(0, 15)
    say = d.say
    m = any_name(d)
    c, thing = d.choice(L.COLORS[:11]), d.choice(SMALL)
    if k == 0:
        return say("{n} has {x}.", dict(n=n, x=a(f"{c} {thing}"))), [(f"What does {n} have?", f"{n} has {a(c + ' ' + thing)}."), (f"What color is {n}'s {thing}?", f"{n}'s {thing} is {c}.")]
    if k == 1:
        age = d.int(5, 80)
        return f"{n} is {age} years old.", [(f"How old is {n}?", f"{n} is {age} years old.")]
    if k == 2:
        rel = d.choice(list(RELATIVES))
        return say("{n}'s {r} is called {m}.|{n} has {ar} named {m}.".split("|")[d.int(0, 1)], dict(n=n, r=rel, m=m, ar=a(rel))), [(say("[What is the name of {n}'s {r}?|What is {n}'s {r} called?|Who is {n}'s {r}?]", dict(n=n, r=rel)), say("[{n}'s {r} is called {m}.|{n}'s {r} is {m}.]", dict(n=n, r=rel, m=m)))]
    if k in (3, 4):
        day, place = d.choice(L.DAYS), went(d.choice(PLACES))
        with_m = d.chance(.6)
        s = f"On {day} {n} went {place}" + (f" with {m}." if with_m else ".")
        qs = [(f"Where did {n} go on {day}?", f"{n} went {place}."), (say("[When did {n} go {p}?|On which day did {n} go {p}?]", dict(n=n, p=place)), f"{n} went {place} on {day}.")]
        if with_m:
            qs.append((say("[Who went with {n}?|With whom did {n} go {p}?]", dict(n=n, p=place)), f"{m} went with {n}."))
        return s, qs
    if k == 5:
        x, p = d.choice(L.PRODUCE)[1], d.int(2, 20)
        cnt = d.int(2, 12)
        return f"{n} bought {number(cnt)} {x} for {p} coins.", [(f"What did {n} buy?", f"{n} bought {number(cnt)} {x}."), (f"How many {x} did {n} buy?", f"{n} bought {number(cnt)} {x}."), (f"How much did the {x} cost?", f"The {x} cost {p} coins.")]
    if k == 6:
        spot = d.choice(SPOTS)
        return f"The {c} {thing} is {spot}.", [(f"Where is the {d.choice([c + ' ', ''])}{thing}?", f"The {thing} is {spot}."), (f"What is {spot}?", f"The {c} {thing} is {spot}."), (f"What color is the {thing}?", f"The {thing} is {c}.")]
    if k == 7:
        f1, f2 = d.sample(L.DISHES[:22], 2)
        return say("{n} likes {x}, but not {y}.|{n} likes {x}, but {he} does not like {y}.".split("|")[d.int(0, 1)], dict(n=n, x=f1, y=f2, he=he)), [(f"What does {n} like?", f"{n} likes {f1}."), (f"What does {n} not like?", f"{n} does not like {f2}."), (f"Does {n} like {f1}?", f"Yes, {n} likes {f1}."), (f"Does {n} like {f2}?", f"No, {n} does not like {f2}.")]
    if k == 8:
        adj = d.choice(["taller", "older", "younger", "faster", "stronger", "smaller"])
        opp = {"taller": "shorter", "older": "younger", "younger": "older", "faster": "slower", "stronger": "weaker", "smaller": "bigger"}[adj]
        return f"{n} is {adj} than {m}.", [(f"Who is {adj}, {n} or {m}?", f"{n} is {adj} than {m}."), (f"Who is {opp}, {n} or {m}?", f"{m} is {opp} than {n}.")]
    if k == 9:
        job, city = d.choice(L.JOBS)[0], d.choice(L.COUNTRIES)[1]
        return say("{n} works as {j} in {c}.|{n} is {j} and lives in {c}.".split("|")[d.int(0, 1)], dict(n=n, j=a(job), c=city)), [(say("[What is {n}'s job?|What does {n} do for work?]", dict(n=n)), f"{n} is {a(job)}."), (f"In which city is {n}?", f"{n} is in {city}.")]
    if k == 10:
        an = d.choice(L.ANIMALS[:45])[0]
        obj = a(f"{c} {thing}")
        return say("{n}'s {x} ran away and came back with {o}.", dict(n=n, x=an, o=obj)), [(f"What did the {an} bring back?", f"The {an} brought back {obj}."), (f"Who has {a(an)}?", f"{n} has {a(an)}.")]
    if k == 11:
        t, t2 = d.choice(TIMES), d.choice(["the meeting", "the concert", "the lesson", "the party", "the movie", "the train ride", "the race", "dinner"])
        return f"{capital(t2)} starts at {t} o'clock.", [(say("[When does {x} start?|At what time does {x} start?]", dict(x=t2)), f"{capital(t2)} starts at {t} o'clock.")]
    if k == 12:
        return f"{n} gave the {thing} to {m}.", [(f"What did {n} give to {m}?", f"{n} gave {m} the {thing}."), (say("[Who has the {t} now?|Who got the {t}?]", dict(t=thing)), say("[{m} has the {t}.|{m} got the {t}.]", dict(m=m, t=thing))), (f"Who gave the {thing} to {m}?", f"{n} gave the {thing} to {m}.")]
    if k == 13:
        v = d.choice(L.VERBS)
        return f"{n} {v[1]} {v[3]}.", [(f"What did {n} do?", f"{n} {v[1]} {v[3]}."), (f"Who {v[1]} {v[3]}?", f"{n} {v[1]} {v[3]}.")]
    if k == 14:
        pet, name = d.choice(["dog", "cat", "rabbit", "parrot", "horse", "goat", "mouse", "turtle", "hen", "duck"]), d.choice("Spot Luna Coco Pip Rusty Pepper Snowy Honey Misty Max Rex Momo Kiki Bobo Tilly".split())
        return say("{n} has {p} named {x}.|{n}'s {q} is called {x}.".split("|")[d.int(0, 1)], dict(n=n, p=a(pet), q=pet, x=name)), [(f"What is the name of {n}'s {pet}?", f"{n}'s {pet} is called {name}."), (f"What pet does {n} have?", f"{n} has {a(pet)}."), (f"Who is {name}?", f"{name} is {n}'s {pet}.")]
    hobby = d.choice([h for h in L.HOBBIES if h != "chess"])
    return say("{n} likes {h} in {his} free time.|{n}'s hobby is {h}.".split("|")[d.int(0, 1)], dict(n=n, h=hobby, his=his)), [(f"What is {n}'s hobby?", f"{n}'s hobby is {hobby}."), (f"What does {n} like to do?", f"{n} likes {hobby}.")]


def note(d):
    """(text, [(question, answer)], [names])"""
    names = [any_name(d) for _ in range(d.int(1, 3))]
    sentences, qs, seen = [], [], set()
    for _ in range(d.int(2, 7)):
        n = d.choice(names)
        s, q = fact_about(d, n, n in L.GIRLS)
        if any(x[0] in seen for x in q):
            continue
        seen |= {x[0] for x in q}
        last = sentences[-1] if sentences else ""
        if last.startswith(n + " ") and s.startswith(n + " ") and d.chance(.6) and (n in L.GIRLS or n in L.BOYS):
            s = ("She " if n in L.GIRLS else "He ") + s[len(n) + 1:]
        sentences.append(s)
        qs += q
    return " ".join(sentences), qs, names


def note_exchange(d):
    text, qs, names = note(d)
    n = names[0]
    k = d.random()
    qs = d.shuffled(qs)[:d.int(1, 3)]
    if k < .1:
        q = d.say("[How tall is {n}?|What did {n} eat yesterday?|What color is {n}'s hair?|Where was {n} born?|What is {n}'s last name?|When is {n}'s birthday?]", dict(n=n))
        qs = [(q, d.say("[The text does not say.|That is not in the text.|The text does not tell us that.]"))] + qs[1:]
    lead = d.say("[Read this text and answer the question.|Read this:|Text:|Use this text:|Answer from the text.|Here are some facts:||]")
    q0 = qs[0][0]
    form = d.int(0, 4)
    if form == 0:
        first = f"{text} {q0}"
    elif form == 1:
        first = f"{q0}\n\n{text}"
    else:
        first = (lead + "\n\n" if lead else "") + text + "\n\n" + d.choice(["", "", "Question: ", "Q: "]) + q0
    return [(first, qs[0][1])] + qs[1:]


def bullet_facts(d):
    """A list made from a text, or the people in it."""
    text, _, names = note(d)
    if d.chance(.5):
        shown = [n for n in dict.fromkeys(names) if n in text]
        found = sorted({w.strip(".,").removesuffix("'s") for w in text.split() if w.strip(".,").removesuffix("'s") in L.GIRLS + L.BOYS or w.strip(".,").removesuffix("'s") in shown}, key=lambda x: text.index(x))
        return [(f"Which people are in this text?\n\n{text}", and_list(found) + ".")] if found else note_exchange(d)
    parts = [p if p.endswith(".") else p + "." for p in text.split(". ")]
    return [(d.say("[Write this as a bullet list:|Make a list of these facts:|Turn this text into bullet points:]") + f"\n\n{text}", "\n".join("- " + p for p in parts))]
