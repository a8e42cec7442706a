"""The parts that all stories share: people, openings, small scenes and the facts that a reader can be asked about."""

import lexicon as L
from grammar import capital, invented_word, pronouns


SMALL_WORDS = {"a", "an", "the", "and", "of", "in", "on", "at", "by", "to", "for"}


def title_case(text):
    parts = text.split(" ")
    return " ".join(w if i and w.lower() in SMALL_WORDS else w[:1].upper() + w[1:] for i, w in enumerate(parts))


class Tale:
    """Collects sentences, and facts as (questions template, answers template)."""

    def __init__(self, d, topic=None):
        self.d, self.topic = d, topic
        self.v, self.text, self.facts = {}, [], []
        self.title, self.summary, self.moral = "", "", ""
        self.unknown = []
        self.person("", "h")
        self.person("f", "f", avoid=self.v["h"])
        d_place = d.choice(L.PLACES)
        self.v.update(place=d_place[0], spot=d_place[1], color=d.choice(L.COLORS[:11]), food=d.choice(L.DISHES[:22]))
        self.v["day"] = d.choice(L.DAYS)
        self.things = [x.strip() for x in d_place[2].split(",")]

    def person(self, prefix, slot, kind=None, avoid=None):
        d = self.d
        kind = kind or d.choice("fm")
        name = avoid
        while name == avoid:
            name = capital(invented_word(d)) if d.chance(.08) else d.choice(L.GIRLS if kind == "f" else L.BOYS)
        if slot == "h" and d.hero:
            name, kind = d.hero
        self.v[slot] = name
        for k, w in pronouns(kind).items():
            self.v[prefix + k] = w
        self.v[prefix + "child"] = dict(f="girl", m="boy")[kind]
        self.v[prefix + "grown"] = dict(f="woman", m="man")[kind]
        return kind

    def set(self, **slots):
        self.v.update(slots)

    def say(self, template):
        return self.d.say(template, self.v)

    def add(self, template, p=1.0):
        if p >= 1.0 or self.d.random() < p:
            s = self.say(template).strip()
            if s:
                self.text.append(s)

    def fact(self, question, answer):
        self.facts.append((self.say(question), self.say(answer)))

    def end(self, title, summary, moral=""):
        self.title, self.summary, self.moral = title_case(self.say(title)), self.say(summary), self.say(moral)
        return self

    # ----- shared scenes -----

    def opening(self, about="{h}"):
        d = self.d
        if d.known_hero:
            self.add("{h} [had a quiet week|was happy that week|was at home|had a free day].")
            return
        self.add(d.choice([
            "[Once upon a time|Long ago|Once|Many years ago], [there was|there lived] a [little |young |kind |clever |quiet |cheerful |]{child} [named|called] {h}.",
            "{h} was a [little|young|kind|clever|shy|brave|cheerful|curious] {child}[ who lived {home}|].",
            "[There was once|In a small town there lived|In a quiet village there lived] a [{child}|young {child}|kind {child}] [named|called] {h}.",
            "{h} lived {home}[ with {his} family| with {his} mother| with {his} father| with {his} grandmother|].",
            "{h} was {age} years old[ and lived {home}|].",
        ]).replace("{home}", d.choice(HOMES)).replace("{age}", d.choice(AGES)))
        self.add("{He} [liked|loved] [to read|to draw|to sing|to run outside|to help others|to ask questions|to play with {his} friends|to look at the stars|to collect stones].", 0.3)

    def morning(self):
        self.add(self.d.choice([
            "One [sunny|bright|warm|cold|windy|gray|quiet|clear|rainy] [morning|day|afternoon],",
            "One {day}[ morning| afternoon|],", "On [{day}|{day} morning|a bright {day}],", "One day[ after school| after breakfast|],",
            "Early in the morning,", "One day,"]))
        # The next sentence continues this one.

    def join(self, template):
        """Adds a sentence that continues an opening phrase such as 'One day,'."""
        head = self.text.pop()
        self.text.append(head + " " + self.say(template).strip())

    def weather(self, p=0.35):
        self.add(self.d.choice([
            "The sun [was shining|shone] and the sky was blue.", "It was [cold|warm|windy|cloudy] [outside|that day].", "A [soft|cool|gentle|warm] wind was blowing.",
            "[White|Gray|Big] clouds moved slowly [across the sky|over the hills].", "The air smelled of [flowers|rain|fresh bread|wet grass|the sea].",
            "Birds were singing in the trees.", "It had rained in the night, and the [grass|road|path] was still wet.", "[The trees were full of leaves|The streets were quiet]."]), p)

    def snack(self, p=0.25):
        self.add(self.d.choice([
            "They [sat down|stopped for a while] and ate [some|a little] {food}.", "They shared [some bread and cheese|an apple|a sandwich|some {food}] and [talked|laughed|rested].",
            "{f} had [some {food}|some bread] in {fhis} bag, and they shared it."]), p)

    def closing(self, p=0.8):
        self.add(self.d.choice([
            "From that day on, {h} and {f} were [good|the best of|great] friends.", "{h} went home with a [smile|happy heart|big smile].",
            "That night, {h} slept [very well|well|deeply].", "{h} never forgot that day.", "It was [a good day|the best day of the week|a day to remember].",
            "{h} was [very |]happy, and so was {f}.", "[When {h} got home, {he}|In the evening, {h}] told {his} [family|mother|father|sister|brother] [everything|the whole story|all about it].",
            "And {h} [smiled|laughed|was happy]."]), p)


HOMES = ["in a small house by the [river|sea|forest|lake|road]", "in a [small|quiet|little|pretty] village", "in a [big|busy|noisy|large] city",
         "on a farm", "near the forest", "in a house with a [red|green|blue] door", "at the edge of a [small town|forest]", "on a hill above the sea", "in a little town in the mountains"]
AGES = ["five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
