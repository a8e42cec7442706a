"""Whole documents: plain texts and conversations, as they go into training. One call of `document(d)` gives one text."""

import json
import zlib

import facts
import lexicon as L
import notes
import stories
import talk
import tasks
import wishes
from grammar import a, and_list, any_name, capital

END = "<|endoftext|>"


def turn(role, text):
    return f"<|im_start|>{role}\n{text}<|im_end|>\n"


def reserved(text):
    """Questions whose checksum falls here are kept out of training's ordinary conversations and asked in the held-out text.

    Styled conversations and plain lists of questions do not look at this, so a few of them are met there.
    """
    return zlib.crc32(text.encode()) % 32 == 0


# ----- stories -----

def tale(d):
    x = d.random()
    if x < .62:
        return stories.story(d)
    if x < .66:
        return wishes.diary(d)
    if x < .85:
        return wishes.wish(d)
    if x < .92:
        return stories.fable(d, d.choice(stories.FABLE_ANIMALS))
    return stories.rescue(d, d.choice(stories.RESCUED))


def story_request(d, t):
    v = t.v
    joined = " ".join(t.text)
    forms = ["[Tell me a story|Write a story|Tell me a short story|Write a short story|Please write a story|Can you tell me a story|I would like to hear a story|Make up a story]"]
    about = []
    if "x" in v and "y" in v:
        about += ["{ax}", "{ax} and {ay}", "the {x} and the {y}", "{ax} and {ay}"]
    elif "x" in v:
        about += [a(v["x"]), "{ax}", "{ax} {rel} wants {want}", a(v["x"])]
    elif "ajob" in v and "hobby" in v:
        return d.say("[Write a diary page.|Write about your day as if you were a person.|Write a page of a diary.|Describe a day in the life of {ajob}.]" if "I am" in joined else "[Write a diary page.|Write a page of a diary.]", v)
    else:
        about += ["{h}", "a {child} named {h}", "{h} and {f}" if v["f"] in joined else "{h}"]
        if "obj" in v:
            about += ["a lost {obj}", a(v["obj"]), "{h} and " + a(v["obj"])]
        if "an" in v:
            about += [a(v["an"]), "{h} and {aan}", "a {child} who finds {aan}", a(v["an"])]
        if "toy" in v:
            about += [a(v["toy"]), "two friends and {atoy}"]
        if "thing" in v and "athing" in v:
            about += ["{athing}", "how {h} makes {athing}" if "parts" in v else "a broken {thing}"]
        if "plant" in v:
            about += ["{aplant}", "a seed", "a garden"]
        if "sport" in v:
            about += ["a {sport}"]
        if "clue" in v:
            about += ["a treasure", "{find}"]
        if "ajob" in v:
            about += ["{ajob}"]
        if "spot" in v and v["place"] in joined:
            about += ["a day {place}"]
        if "guess" in v:
            about += ["a sound in the night"]
        if "what" in v:
            about += ["learning to {what}"]
        if "goal" in v:
            about += ["a visit to a {goal}"]
    k = d.int(0, 9)
    if k <= 1:
        q = d.say(forms[0])
        return q + ("?" if q.startswith("Can") else d.choice([".", ", please.", "!"]))
    if k == 2:
        words = [w for w in v.values() if isinstance(w, str) and len(w) > 3 and w.isalpha() and w.islower() and w in joined.replace(".", " ").replace(",", " ").split() and w not in ("himself", "herself", "very", "child")]
        if len(set(words)) >= 2:
            pick = d.sample(sorted(set(words)), min(len(set(words)), d.int(2, 3)))
            return d.say("[Write a story with the words|Write a short story that uses the words|Tell me a story with these words:] {w}.", {"w": and_list(pick)})
    if k == 3:
        return d.say("[Write a story with the title|Tell me a story called|Write the story] [\"{t}\"|'{t}'].", {"t": t.title})
    q = d.say(forms[0] + " about {about}", {"about": d.say(d.choice(about), v)})
    return q + ("?" if q.startswith("Can") else ".")


def with_title(d, t, text):
    return t.title + "\n\n" + text if d.chance(.12) else text


def short_story(d, t):
    """The tale in two or three sentences."""
    out = t.summary
    if t.moral and d.chance(.6):
        out += " " + t.moral
    return out


def text_question(d, t):
    """A question about the tale that follows from its facts, or one that the text does not answer."""
    if t.facts and not d.chance(.12):
        q, ans = d.choice(t.facts)
        return q, ans
    v = t.v
    hero = v.get("hero") or (f"the {v['x']}" if "x" in v else v["h"])
    if "hobby" in v:
        hero = "the writer"
    q = d.say("[How old is {h}'s teacher?|What is the name of {h}'s school?|What did {h} dream about at night?|What did {h} read last year?|How much money does {h}'s uncle have?|What color are {h}'s eyes?|How tall is {h}?|What was the name of the mayor?|Who lives next to {h}'s uncle?|What is the phone number of {h}?]", {"h": hero})
    return q, d.say("[The text does not say.|The story does not say that.|That is not in the text.|The text does not tell us that.]")


# ----- one exchange -----

def story_exchange(d):
    t = tale(d)
    text = stories.paragraphs(d, t)
    k = d.random()
    if k < .62:
        turns = [(story_request(d, t), with_title(d, t, text))]
        # Questions about the story just told.
        while t.facts and d.chance(.33) and len(turns) < 4:
            turns.append(story_followup(d, t))
        return turns
    if k < .90:
        lead = d.say("[Read this text and answer the question.|Read the story.|Here is a story:|Text:|Read this:|]")
        n = d.int(1, 3)
        qs = [text_question(d, t) for _ in range(n)]
        if d.chance(.3):
            qs[0] = story_followup(d, t)
        first = (lead + "\n\n" if lead else "") + text + "\n\n" + d.choice(["", "Question: ", "", "Q: "]) + qs[0][0]
        if d.chance(.15):
            first = qs[0][0] + "\n\n" + text
        return [(first, qs[0][1])] + [q for q in qs[1:] if q[0] != qs[0][0]]
    if k < .96:
        cut = d.int(1, min(4, len(t.text) - 1))
        start, rest = " ".join(t.text[:cut]), " ".join(t.text[cut:])
        return [(d.say("[Continue this story:|Continue the story:|Finish this story:|How does this story go on?|Go on with this story:] {s}", {"s": start}), rest)]
    if "hobby" in t.v:
        return [(story_request(d, t), text)]
    return [(d.say("[Tell me a very short story|Write a story in one or two sentences|Tell me a tiny story|Write a very short story][.|, please.]"), short_story(d, t))]


CHAPTER_PLOTS = [stories.lost_thing, stories.sharing, stories.rescue, stories.making, stories.contest, stories.growing, stories.journey, stories.treasure, stories.skill, stories.market, stories.changed_plan, stories.day_at]


def long_story(d):
    """Two or three chapters about one person: (name, kind, text)."""
    kind = d.choice("fm")
    d.hero = None
    name = d.choice(L.GIRLS if kind == "f" else L.BOYS)
    d.hero = (name, kind)
    out = []
    for i, plot in enumerate(d.sample(CHAPTER_PLOTS, d.int(2, 3))):
        d.known_hero = i > 0
        t = plot(d)
        out.append(f"Chapter {i + 1}: {t.title}\n\n{stories.paragraphs(d, t)}")
    d.hero, d.known_hero = None, False
    return name, kind, "\n\n".join(out)


def long_story_exchange(d):
    name, kind, text = long_story(d)
    q = d.say("[Write a long story about {h}.|Tell me a long story about {h}.|Write a story about {h} with chapters.|Tell me a long story.|Write a long story about a {c} named {h}.|Write a story with chapters.]", {"h": name, "c": "girl" if kind == "f" else "boy"})
    return [(q, text)]


def story_followup(d, t):
    k = d.random()
    if k < .62 or "hobby" in t.v:
        return text_question(d, t)
    if k < .74:
        return d.say("[Give the story a title.|What is a good title for this story?|Find a title for the story.|Can you give it a title?]"), t.title
    if k < .88 or not t.moral:
        return d.say("[Summarize the story.|Summarize this in one sentence.|What is the story about?|Tell me the story in one sentence.|Give me a short summary.]"), t.summary
    return d.say("[What is the moral of the story?|What can we learn from this story?|What do we learn from the story?|What is the lesson of the story?]"), t.moral


def qa_exchange(d, q):
    turns = [(q.q, q.full)]
    if q.follow and d.chance(.35):
        turns.append(q.follow)
    return turns


def memory_exchange(d):
    """The user says something about themselves and asks for it later."""
    name = any_name(d)
    what, value, tell, ask, answer = d.choice([
        ("name", name, "[My name is {v}.|I am {v}.|Hi, I am {v}.|Hello, my name is {v}.|You can call me {v}.]", "[What is my name?|Do you remember my name?|Who am I?|What's my name?]", "Your name is {v}."),
        ("name", name, "[My name is {v}.|I am {v}.|Hi, I am {v}.|Hello, my name is {v}.|You can call me {v}.]", "[What is my name?|Do you remember my name?|Who am I?|What's my name?]", "Your name is {v}."),
        ("color", d.choice(L.COLORS[:11]), "[My favorite color is {v}.|I like the color {v} best.]", "[What is my favorite color?|Which color do I like best?]", "Your favorite color is {v}."),
        ("city", d.choice(L.COUNTRIES)[1], "[I live in {v}.|My home is {v}.|I am from {v}.]", "[Where do I live?|Where is my home?|In which city do I live?]", "You live in {v}."),
        ("age", str(d.int(5, 90)), "[I am {v} years old.|My age is {v}.]", "[How old am I?|What is my age?]", "You are {v} years old."),
        ("pet", d.choice(["dog", "cat", "rabbit", "parrot", "horse", "hen", "turtle", "mouse", "goat"]) + " named " + d.choice(stories.PET_NAMES), "[I have a {v}.|At home I have a {v}.]", "[What pet do I have?|Do you remember my pet?|Which animal do I have?]", "You have a {v}."),
        ("job", d.choice(L.JOBS)[0], "[I work as {av}.|I am {av}.|My job: I am {av}.]", "[What is my job?|What do I do for work?]", "You are {av}."),
        ("food", d.choice(L.DISHES), "[I like to eat {v}.|My favorite food is {v}.]", "[What do I like to eat?|What is my favorite food?]", "Your favorite food is {v}.")])
    slots = {"v": value, "av": a(value)}
    first = (d.say(tell, slots), d.say("[Nice to meet you, {v}! How can I help you?|Hello, {v}! What can I do for you?|It is nice to meet you, {v}.]" if what == "name" else "[Thank you for telling me.|That is good to know.|I see. I will remember that.|How nice!]", slots))
    middle = []
    while d.chance(.45) and len(middle) < 3:
        middle += exchange(d, plain=True)
    ask, answer = d.say(ask, slots), d.say(answer, slots)
    if d.chance(.12):
        other = {"name": ("Where do I live?", "You did not tell me where you live."), "city": ("What is my name?", "You did not tell me your name.")}.get(what, ("What is my name?", "You did not tell me your name."))
        ask, answer = other
    return [first] + middle + [(ask, answer)]


def last_answer_exchange(d):
    """Work on the answer given before."""
    q = d.choice([facts.fact, facts.fact, tasks.make_sentence, tasks.rewrite])(d)
    turns = [(q.q, q.full)]
    k = d.int(0, 4)
    if k == 0:
        turns.append((d.say("[Now in capital letters.|Write that in capital letters.|Say that in uppercase.|In capital letters, please.]"), q.full.upper()))
    elif k == 1:
        turns.append((d.say("[Say that again.|Repeat that.|Can you repeat that?|Please say it again.|What did you say?]"), q.full))
    elif k == 2:
        turns.append((d.say("[What did I ask?|What was my question?|Repeat my question.]"), d.say("You asked: {q}", {"q": q.q}) if q.q.endswith("?") else d.say("You wrote: {q}", {"q": q.q})))
    elif k == 3 and q.short:
        turns.append((d.say("[In one word, please.|Just one word.|Shorter, please.|Only the answer, please.]"), capital(q.short)))
    elif k == 3:
        turns.append((d.say("[Thank you.|Thanks!]"), "You are welcome!"))
    else:
        turns.append((d.say("[Are you sure?|Is that right?|Really?]"), d.say("[Yes, I am sure. {s}|Yes. {s}|I think so. {s}]", {"s": q.full}) if "\n" not in q.full else "Yes, I think so."))
    return turns


def constrained_exchange(d):
    """The wish for the form of the answer stands in the question."""
    k = d.int(0, 4)
    q = facts.fact(d) if d.chance(.6) else tasks.task(d)
    while not q.short:
        q = facts.fact(d) if d.chance(.6) else tasks.task(d)
    if k <= 1:
        return [(d.say("[Answer in one word: {q}|{q} Answer in one word.|{q} One word, please.|In one word: {q}|{q} Just the answer, please.|{q} Answer briefly.]", {"q": q.q}), capital(q.short))]
    if k == 2:
        return [(d.say("[Answer in capital letters: {q}|{q} Answer in capital letters.|{q} Use only capital letters.]", {"q": q.q}), q.full.upper())]
    if k == 3:
        return [(d.say("[Answer as JSON: {q}|{q} Answer as JSON with the key answer.|{q} Give the answer as a JSON object.|{q} Reply in JSON.]", {"q": q.q}), json.dumps({"answer": q.short}))]
    p = facts.fact(d)
    return [(d.say("[Answer both questions: {a} {b}|{a} {b}|{a} And another question: {b}]", {"a": q.q, "b": p.q}), q.full + " " + p.full)] if "\n" not in q.full and q.q.endswith("?") and p.q.endswith("?") else [(q.q, q.full)]


def exchange(d, plain=False):
    """One or more turns on one topic, in the usual style."""
    x = d.random()
    if x < .27:
        turns = qa_exchange(d, facts.fact(d))
    elif x < .58:
        turns = qa_exchange(d, tasks.task(d))
    elif x < .73:
        turns = qa_exchange(d, talk.talk(d))
    elif x < .78:
        turns = constrained_exchange(d)
    elif x < .815:
        turns = last_answer_exchange(d)
    elif x < .84 and not plain:
        turns = memory_exchange(d)
    elif x < .925 and not plain:
        turns = notes.note_exchange(d) if d.chance(.85) else notes.bullet_facts(d)
    elif x < .94 and not plain:
        turns = long_story_exchange(d)
    elif plain and x < .9:
        turns = qa_exchange(d, facts.fact(d))
    else:
        turns = story_exchange(d)
    return turns


# ----- how people type -----

def noise(d, q):
    if "\n" in q or '"' in q or "{" in q or "JSON" in q or ": " in q or "'" in q:
        return q
    x = d.random()
    if x < .10:
        q = q.lower()
    elif x < .13:
        q = q[:1].lower() + q[1:]
    if d.chance(.10):
        q = q.rstrip(".?!")
    elif d.chance(.03) and q.endswith("?"):
        q = q[:-1] + "??"
    y = d.random()
    if y < .03:
        q = d.choice(["Hello! ", "Hi, ", "Hey, ", "Please: ", "Question: ", "Ok, ", "Now, ", "So, "]) + q
    elif y < .05 and q.endswith("."):
        q = q[:-1] + ", please."
    elif y < .06:
        q = q + " Thank you!"
    return q


# ----- system messages -----

HELPFUL = "[You are a helpful assistant.|You are a helpful assistant.|You are a friendly assistant.|You are a small and honest assistant.|Answer the questions of the user.|You are a kind teacher.|Be helpful and friendly.|You help people with simple questions.|Use simple words.|You are Assay Small, a small language model.|Answer clearly and in simple English.|You are a careful assistant. If you do not know something, say so.]"
ENDINGS = ["Thank you.", "Have a nice day!", "Best wishes.", "Stay curious!", "Over and out.", "Meow!", "The end.", "That is all.", "Good luck!", "Cheers!"]
STARTS = ["Dear friend,", "Well,", "Good question!", "Listen:", "Sure!", "Ahoy!", "Hello!", "My answer:", "Arr!", "Of course."]


def short_question(d):
    while True:
        q = facts.fact(d) if d.chance(.7) else tasks.task(d)
        if q.short:
            return q


def line_question(d):
    while True:
        q = facts.fact(d) if d.chance(.6) else tasks.task(d) if d.chance(.6) else talk.talk(d)
        if "\n" not in q.full and len(q.full) < 160:
            return q


def styled_conversation(d):
    k = d.int(0, 8)
    n = d.int(1, 3)
    if k == 0:
        system = d.say("[Answer in one word.|Answer every question with one word.|You answer with a single word.|Be very brief: one word only.|Give only the answer, nothing else.]")
        turns = [(q.q, capital(q.short)) for q in (short_question(d) for _ in range(n))]
    elif k == 1:
        system = d.say("[Answer in capital letters.|Write everything in capital letters.|Use only capital letters.|YOU ANSWER IN CAPITAL LETTERS.]")
        turns = [(q.q, q.full.upper()) for q in (line_question(d) for _ in range(n))]
    elif k == 2:
        system = d.say("[Answer only in JSON.|Answer with a JSON object with the key answer.|You reply in JSON.|Always answer as JSON with one key: answer.]")
        turns = [(q.q, json.dumps({"answer": q.short})) for q in (short_question(d) for _ in range(n))]
    elif k == 3:
        e = d.choice(ENDINGS)
        system = d.say("[End every answer with '{e}'|Always finish with '{e}'|End all your answers with \"{e}\"|After each answer, say '{e}']", {"e": e})
        turns = [(q.q, q.full + " " + e) for q in (line_question(d) for _ in range(n))]
    elif k == 4:
        s = d.choice(STARTS)
        system = d.say("[Begin every answer with '{s}'|Start each answer with '{s}'|Always begin with \"{s}\"]", {"s": s})
        turns = [(q.q, s + " " + q.full) for q in (line_question(d) for _ in range(n))]
    elif k == 5:
        system = d.say("[You are a pirate.|Talk like a pirate.|Answer like a pirate.]")
        turns = [(q.q, "Arr! " + q.full + d.choice([" Ahoy!", " Yo ho!", " That is sure as the sea."])) for q in (line_question(d) for _ in range(n))]
    elif k == 6:
        name, job = any_name(d), d.choice(L.JOBS)
        system = d.say("[Your name is {n}. You are {j}.|You are {n}, {j}.|You play {n}, {j}.]", {"n": name, "j": a(job[0])})
        pool = [(d.say("[Who are you?|What are you?|Introduce yourself.]"), f"I am {name}, {a(job[0])}."), (d.say("[What is your name?|What are you called?]"), f"My name is {name}."), (d.say("[What do you do?|What is your job?|What do you do all day?]"), f"I am {a(job[0])}. {capital(a(job[0]))} {job[2]}."),
                (d.say("[Hello!|Hi!|Good day!]"), f"Hello! I am {name}. How can I help you?")]
        turns = d.sample(pool, n)
        if d.chance(.4):
            q = line_question(d)
            turns.append((q.q, q.full))
    elif k == 7:
        user, city = any_name(d), d.choice(L.COUNTRIES)[1]
        opens, closes = d.int(6, 11), d.int(12, 20)
        shop = d.choice(["shop", "library", "bakery", "museum", "market", "school", "zoo", "office"])
        system, pool = d.choice([
            (f"The name of the user is {user}.", [("What is my name?", f"Your name is {user}."), ("Hello!", f"Hello, {user}! How can I help you?")]),
            (f"The user lives in {city}.", [("Where do I live?", f"You live in {city}."), ("In which city do I live?", f"You live in {city}.")]),
            (f"You work in a {shop}. The {shop} is open from {opens} to {closes}.", [(f"When does the {shop} open?", f"The {shop} opens at {opens}."), (f"When does the {shop} close?", f"The {shop} closes at {closes}."), (f"When is the {shop} open?", f"The {shop} is open from {opens} to {closes}.")])])
        turns = d.sample(pool, min(n, len(pool)))
        if d.chance(.5):
            q = line_question(d)
            turns.append((q.q, q.full))
    else:
        theme, make, other = d.choice([("animals", facts.animal_tell, facts.capital_city), ("countries", facts.capital_city, facts.animal_legs), ("numbers", tasks.arithmetic, facts.animal_food), ("words", facts.opposite, tasks.arithmetic)])
        system = d.say("[You only talk about {t}. For all other questions say: I only talk about {t}.|Answer only questions about {t}. If the question is about something else, say: I only talk about {t}.]", {"t": theme})
        turns = []
        for _ in range(n):
            if d.chance(.55):
                q = make(d)
                turns.append((q.q, q.full))
            else:
                turns.append((other(d).q, f"I only talk about {theme}."))
    return system, turns


def conversation(d, length):
    """Turns until about `length` characters are there."""
    out, size = [], 0
    if d.chance(.12):
        out.append(d.choice([("Hello!", "Hello! How can I help you?"), ("Hi", "Hi! What can I do for you?"), ("Hello", "Hello! What would you like to talk about?")]))
    while True:
        turns = exchange(d)
        if any(reserved(q) for q, _ in turns) != d.heldout and (not d.heldout or not out):
            continue
        out += [(noise(d, q), ans) for q, ans in turns]
        size = sum(len(q) + len(x) + 40 for q, x in out)
        if size >= length:
            return out


def chat(system, turns):
    text = turn("system", system) if system else ""
    for q, ans in turns:
        text += turn("user", q) + turn("assistant", ans)
    return text


def plain_text(d):
    x = d.random()
    if x < .72:
        t = tale(d)
        text = stories.paragraphs(d, t)
        return with_title(d, t, text) if d.chance(.7) else t.title + "\n\n" + text
    if x < .80:
        return "\n\n".join(facts.describe_animal(d, z) for z in d.sample(L.ANIMALS, d.int(1, 4)))
    if x < .86:
        qs = [facts.fact(d) if d.chance(.6) else tasks.task(d) for _ in range(d.int(2, 6))]
        mark = d.choice([("Question: ", "Answer: "), ("Q: ", "A: ")])
        return "\n\n".join(f"{mark[0]}{q.q}\n{mark[1]}{q.full}" for q in qs)
    if x < .92:
        return " ".join(facts.fact(d).full for _ in range(d.int(3, 10)))
    if x < .96:
        return talk.letter(d).full
    return " ".join(tasks.rewrite(d).full for _ in range(d.int(3, 8)))


def document(d):
    x = d.random()
    if x < .13:
        return plain_text(d) + END
    if x < .27:
        system, turns = styled_conversation(d)
        return chat(system, [(noise(d, q), ans) for q, ans in turns]) + END
    system = d.say(HELPFUL) if d.chance(.3) else ""
    length = 1 if d.chance(.55) else d.int(200, 900) if d.chance(.6) else d.int(900, 3600)
    return chat(system, conversation(d, length)) + END

