"""Questions about a small closed world with their answers: full sentence, and the shortest answer where one makes sense."""

import lexicon as L
from grammar import ORDINALS, a, and_list, capital, number


class QA:
    """One question. `short` is the answer in a word or two ('' if none), `follow` a pair (elliptic question, answer) that fits after it."""

    __slots__ = ("q", "full", "short", "follow")

    def __init__(self, q, full, short="", follow=None):
        self.q, self.full, self.short, self.follow = q, full, short, follow


def color_of(d):
    item, color = d.choice(THING_COLORS)
    q = d.say("[What color BE X?|What color BE X?|What is the color of X?|Tell me the color of X.]")
    be = "are" if item in PLURAL_THINGS else "is"
    x2, c2 = d.choice(THING_COLORS)
    return QA(q.replace("BE", be).replace("X", item), f"{capital(item)} {be} {color}.", color.split(" ")[-1],
              (d.say("[And X?|What about X?|How about X?]").replace("X", x2), f"{capital(x2)} {'are' if x2 in PLURAL_THINGS else 'is'} {c2}."))


THING_COLORS = [("the sky on a clear day", "blue"), ("the sky", "blue"), ("grass", "green"), ("snow", "white"), ("coal", "black"), ("blood", "red"), ("milk", "white"), ("the sun", "yellow"), ("chocolate", "brown"), ("the sea", "blue"),
                ("a fire truck", "red"), ("a leaf in summer", "green"), ("honey", "golden"), ("salt", "white"), ("the night sky", "black"), ("sand", "yellow"), ("a tomato", "red"), ("an elephant", "gray"), ("a pig", "pink"), ("a swan", "white"),
                ("a frog", "green"), ("a crow", "black"), ("a flamingo", "pink"), ("a ripe banana", "yellow"), ("gold", "yellow"), ("charcoal", "black"), ("chalk", "white"), ("a carrot", "orange"), ("a polar bear", "white"), ("rain clouds", "gray")]
THING_COLORS += [(a(p[0]), p[2]) for p in L.PRODUCE if p[0] not in ("banana", "carrot")]
THING_COLORS += [(p[1], p[2]) for p in L.PRODUCE]
PLURAL_THINGS = {p[1] for p in L.PRODUCE} | {"rain clouds"}


def animal_sound(d):
    x, y = d.sample([z for z in L.ANIMALS if z[2] != "-"], 2)
    q = d.say("[What sound does {x} make?|What does {x} say?|What noise does {x} make?|Which sound does {x} make?|How does {x} sound?]", {"x": a(x[0])})

    def sentence(z):
        if z[2] in SPOKEN:
            return f"{capital(a(z[0]))} says {z[2]}."
        return f"{capital(a(z[0]))} can {z[2]}."
    return QA(q, sentence(x), x[2], (d.say("[And {x}?|What about {x}?|And what does {x} say?]", {"x": a(y[0])}), sentence(y)))


SPOKEN = {"woof", "meow", "moo", "neigh", "oink", "baa", "hee-haw", "cluck", "quack", "honk", "hoot", "caw", "coo", "chirp", "buzz", "squeak", "squawk", "croak", "hiss"}


def animal_legs(d):
    x, y = d.sample([z for z in L.ANIMALS if z[0] not in ("octopus", "monkey", "kangaroo")], 2)

    def sentence(z):
        n = int(z[3])
        return f"{capital(a(z[0]))} has no legs." if n == 0 else f"{capital(a(z[0]))} has {number(n)} legs."
    q = d.say("[How many legs does {x} have?|How many legs do {xs} have?|{X}: how many legs?|What is the number of legs of {x}?]", {"x": a(x[0]), "xs": x[1]})
    return QA(q, sentence(x), number(int(x[3])), (d.say("[And {x}?|What about {x}?|How many legs does {x} have?]", {"x": a(y[0])}), sentence(y)))


def animal_home(d):
    x, y = d.sample(L.ANIMALS, 2)

    def sentence(z):
        prep = "on" if z[4] in ("a farm", "a mountain", "the ice", "a sunny rock", "the beach") else "in"
        return f"{capital(a(z[0]))} lives {prep} {z[4]}."
    return QA(d.say("[Where does {x} live?|Where do {xs} live?|Where can you find {x}?|What is the home of {x}?]", {"x": a(x[0]), "xs": x[1]}), sentence(x), x[4],
              (d.say("[And {x}?|Where does {x} live?|What about {x}?]", {"x": a(y[0])}), sentence(y)))


def animal_food(d):
    x, y = d.sample(L.ANIMALS, 2)

    def sentence(z):
        return f"{capital(a(z[0]))} eats {z[5]}."
    return QA(d.say("[What does {x} eat?|What do {xs} eat?|What do {xs} like to eat?|What is the food of {x}?]", {"x": a(x[0]), "xs": x[1]}), sentence(x), x[5],
              (d.say("[And {x}?|What does {x} eat?|What about {x}?]", {"x": a(y[0])}), sentence(y)))


def animal_young(d):
    x, y = d.sample([z for z in L.ANIMALS if z[6] not in ("pup", "larva", "infant", "chick", "hatchling", "fry", "maggot")], 2)

    def sentence(z):
        return f"A baby {z[0]} is called {a(z[6])}."
    return QA(d.say("[What is a baby {x} called?|What do you call a baby {x}?|What do we call a young {x}?|What is the name for a young {x}?]", {"x": x[0]}), sentence(x), x[6],
              (d.say("[And a baby {x}?|What about a young {x}?]", {"x": y[0]}), sentence(y)))


def animal_class(d):
    x = d.choice(L.ANIMALS)
    classes = ["mammal", "bird", "fish", "insect", "reptile"]
    if x[7] in classes and d.chance(.4):
        return QA(d.say("[What kind of animal is {x}?|Is {x} a mammal, a bird or a fish?|To which group of animals does {x} belong?]" if x[7] in ("mammal", "bird", "fish") else "What kind of animal is {x}?", {"x": a(x[0])}),
                  f"{capital(a(x[0]))} is {a(x[7])}.", x[7])
    c = x[7] if d.chance(.5) and x[7] in classes else d.choice(classes)
    q = d.say("[Is {x} {c}?|Are {xs} {cs}?|Is it true that {x} is {c}?]", {"x": a(x[0]), "c": a(c) if c != "fish" else "a fish", "xs": x[1], "cs": {"fish": "fish"}.get(c, c + "s")})
    cc = a(c)
    if c == x[7]:
        return QA(q, f"Yes, {a(x[0])} is {cc}.", "yes")
    if x[0] == "fish":
        return QA(q, f"No, a fish is not {cc}.", "no")
    return QA(q, f"No, {a(x[0])} is not {cc}. It is {a(x[7])}.", "no")


def animal_can(d):
    what, code = d.choice([("fly", "f"), ("swim", "s"), ("climb trees", "c")])
    x, y = d.sample([z for z in L.ANIMALS if not (code == "s" and "s" not in z[10] and z[7] in ("mammal", "insect", "bird", "reptile")) and not (code == "c" and z[0] in ("bear", "ant", "spider", "lizard", "snail", "goat", "rat", "mouse", "parrot", "snake", "crab", "fly", "bee", "butterfly", "octopus"))], 2)

    def sentence(z):
        can = code in z[10]
        if code == "f" and z[0] == "hen":
            return "A hen can only fly a very short way."
        return f"Yes, {a(z[0])} can {what}." if can else f"No, {a(z[0])} cannot {what}."
    q = d.say("[Can {x} {w}?|Can {xs} {w}?|Is {x} able to {w}?|Do you know if {xs} can {w}?]", {"x": a(x[0]), "xs": x[1], "w": what})
    return QA(q, sentence(x), "yes" if code in x[10] else "no", (d.say("[And {x}?|What about {x}?]", {"x": a(y[0])}), sentence(y)))


def animal_note(d):
    x = d.choice(L.ANIMALS)
    who = d.say("[Which animal {n}?|What animal {n}?|I am thinking of an animal that {n}. What is it?|Guess the animal: it {n}.]", {"n": x[11]})
    if x[11].startswith(("is small", "is a small", "is clever", "is friendly", "lays", "likes to", "can run", "lives in a pack", "can carry", "can climb", "works", "can jump", "swims on", "is very slow", "flies in", "has very sharp", "can find", "rests", "has many sharp")):
        return animal_tell(d, x)
    return QA(who, d.say("[It is {x}.|That is {x}.|The answer is {x}.]", {"x": a(x[0])}), x[0])


def animal_tell(d, x=None):
    x = x or d.choice(L.ANIMALS)
    q = d.say("[Tell me something about {xs}.|What do you know about {xs}?|What is {x}?|Describe {x}.|Tell me about {x}.|Tell me a fact about {xs}.|Give me a short description of {x}.]", {"x": a(x[0]), "xs": x[1]})
    return QA(q, describe_animal(d, x))


def describe_animal(d, x):
    c = x[9].split(",")
    out = [f"{capital(a(x[0]))} is {a(x[7])}." if x[7] != x[0] else "A fish is an animal that lives in water."]
    more = []
    if x[3] != "0" and x[0] not in ("octopus", "monkey", "kangaroo"):
        more.append(f"It has {number(int(x[3]))} legs.")
    more.append(f"It eats {x[5]}.")
    prep = "on" if x[4] in ("a farm", "a mountain", "the ice", "a sunny rock", "the beach") else "in"
    more.append(f"It lives {prep} {x[4]}.")
    more.append(f"It is often {and_list(c, 'or')}." if len(c) > 1 else f"It is {c[0]}.")
    out += d.sample(more, d.int(1, len(more)))
    out.append(capital(f"it {x[11]}."))
    return " ".join(out)


def bigger(d):
    x, y = d.sample(L.ANIMALS, 2)
    while abs(int(x[8]) - int(y[8])) < 2:
        x, y = d.sample(L.ANIMALS, 2)
    big, small = (x, y) if int(x[8]) > int(y[8]) else (y, x)
    if d.chance(.6):
        which = d.chance(.6)
        q = d.say("[Which is %%, {x} or {y}?|What is %%: {x} or {y}?|Is {x} or {y} %%?|Which animal is %%, {x} or {y}?]".replace("%%", "bigger" if which else "smaller"), {"x": a(x[0]), "y": a(y[0])})
        w, l = (big, small) if which else (small, big)
        return QA(q, f"{capital(a(w[0]))} is {'bigger' if which else 'smaller'} than {a(l[0])}.", w[0])
    which = d.chance(.5)
    q = d.say("[Is {x} %% than {y}?|Are {xs} %% than {ys}?]".replace("%%", "bigger" if which else "smaller"), {"x": a(x[0]), "y": a(y[0]), "xs": x[1], "ys": y[1]})
    yes = (x is big) == which
    if yes:
        return QA(q, f"Yes, {a(x[0])} is {'bigger' if which else 'smaller'} than {a(y[0])}.", "yes")
    return QA(q, f"No, {a(x[0])} is {'smaller' if which else 'bigger'} than {a(y[0])}.", "no")


def opposite(d):
    def pick():
        if d.chance(.6):
            r = d.choice(L.ADJECTIVES)
            return r[0], r[3]
        r = d.choice(L.OTHER_OPPOSITES)
        return r if d.chance(.5) else (r[1], r[0])
    (x, y), (x2, y2) = pick(), pick()
    q = d.say("[What is the opposite of {x}?|What is the opposite of '{x}'?|What is the opposite of \"{x}\"?|Give me the opposite of {x}.|Opposite of {x}?|Which word is the opposite of {x}?|Tell me the opposite of the word {x}.|{x} is the opposite of what?|Name the opposite of {x}.]", {"x": x})
    return QA(capital(q), d.say("The opposite of {x} is {y}.", {"x": x, "y": y}), y, (d.say("[And {x}?|And the opposite of {x}?|What about {x}?]", {"x": x2}), f"The opposite of {x2} is {y2}."))


def cycle(d):
    name, items, unit = d.choice([("day", L.DAYS, "day"), ("day", L.DAYS, "day"), ("month", L.MONTHS, "month"), ("month", L.MONTHS, "month"), ("season", L.SEASONS, "season"), ("letter", L.LETTERS, "letter")])
    i, j = d.int(0, len(items) - 1), d.int(0, len(items) - 1)
    if name == "letter":
        i, j = min(i, 24), min(j, 24)
    after = d.chance(.6)
    if name == "letter" and not after:
        i, j = i + 1, j + 1
    k = 1 if after else -1
    x, y = items[i], items[(i + k) % len(items)]
    w = "after" if after else "before"
    q = d.say("[Which {u} comes {w} {x}?|What {u} comes {w} {x}?|What comes {w} {x}?|What is the {u} {w} {x}?|Which {u} is right {w} {x}?]", {"u": unit, "w": w, "x": x})
    if name == "day" and d.chance(.3):
        if after:
            q = d.say("[If today is {x}, what day is tomorrow?|Today is {x}. What day is it tomorrow?|Today is {x}. Which day comes next?]", {"x": x})
            return QA(q, d.say("[Tomorrow is {y}.|If today is {x}, tomorrow is {y}.]" if "next" not in q else "The next day is {y}.", {"x": x, "y": y}), y)
        q = d.say("[If today is {x}, what day was yesterday?|Today is {x}. What day was it yesterday?]", {"x": x})
        return QA(q, d.say("[Yesterday was {y}.|If today is {x}, yesterday was {y}.]", {"x": x, "y": y}), y)
    return QA(q, capital(f"{y} comes {w} {x}."), y, (d.say("[And {w} {x}?|What comes {w} {x}?]", {"w": w, "x": items[j]}), capital(f"{items[(j + k) % len(items)]} comes {w} {items[j]}.")))


def how_many(d):
    q, full, short = d.choice(COUNTS)
    return QA(d.say(q), full, short)


COUNTS = [("[How many days are in a week?|How many days are there in a week?|How many days does a week have?|Number of days in a week?]", "A week has seven days.", "seven"),
          ("[How many months are in a year?|How many months does a year have?|How many months are there in a year?]", "A year has twelve months.", "twelve"),
          ("[How many hours are in a day?|How many hours does a day have?]", "A day has twenty-four hours.", "twenty-four"),
          ("[How many minutes are in an hour?|How many minutes does an hour have?]", "An hour has sixty minutes.", "sixty"),
          ("[How many seconds are in a minute?|How many seconds does a minute have?]", "A minute has sixty seconds.", "sixty"),
          ("[How many days are in a year?|How many days does a year have?]", "A year has 365 days, and a leap year has 366.", "365"),
          ("[How many seasons are there?|How many seasons does a year have?|How many seasons are in a year?]", "There are four seasons: spring, summer, autumn and winter.", "four"),
          ("[How many letters are in the alphabet?|How many letters does the English alphabet have?]", "The English alphabet has twenty-six letters.", "twenty-six"),
          ("[How many planets are there in the solar system?|How many planets go around the sun?]", "Eight planets go around the sun.", "eight"),
          ("[How many continents are there?|How many continents does the Earth have?]", "There are seven continents.", "seven"),
          ("[How many fingers does a person have?|How many fingers do people have?|How many fingers are on two hands?]", "A person has ten fingers.", "ten"),
          ("[How many fingers are on one hand?|How many fingers does a hand have?]", "A hand has five fingers.", "five"),
          ("[How many eyes does a person have?|How many eyes do people have?]", "A person has two eyes.", "two"),
          ("[How many legs does a person have?|How many legs do people have?]", "A person has two legs.", "two"),
          ("[How many wheels does a bicycle have?|How many wheels are on a bicycle?]", "A bicycle has two wheels.", "two"),
          ("[How many wheels does a car have?|How many wheels are on a car?]", "A car has four wheels.", "four"),
          ("[How many wheels does a tricycle have?|How many wheels are on a tricycle?]", "A tricycle has three wheels.", "three"),
          ("[How many strings does a violin have?|How many strings are on a violin?]", "A violin has four strings.", "four"),
          ("[How many strings does a guitar have?|How many strings are on a guitar?]", "A guitar usually has six strings.", "six"),
          ("[How many years are in a century?|How long is a century?]", "A century is one hundred years.", "one hundred"),
          ("[How many years are in a decade?|How long is a decade?]", "A decade is ten years.", "ten"),
          ("[How many weeks are in a year?|How many weeks does a year have?]", "A year has fifty-two weeks.", "fifty-two"),
          ("[How many are a dozen?|How many things are in a dozen?|How many eggs are in a dozen?]", "A dozen is twelve.", "twelve"),
          ("[How many centimeters are in a meter?|How many centimeters does a meter have?]", "A meter has one hundred centimeters.", "one hundred"),
          ("[How many meters are in a kilometer?|How many meters does a kilometer have?]", "A kilometer has one thousand meters.", "one thousand"),
          ("[How many arms does an octopus have?|How many arms has an octopus?]", "An octopus has eight arms.", "eight"),
          ("[How many vowels are there in English?|How many vowels does the alphabet have?]", "There are five vowels: a, e, i, o and u.", "five")]


def month_days(d):
    i = d.int(0, 11)
    n = L.MONTH_DAYS[i]
    full = f"{L.MONTHS[i]} has {n} days." if i != 1 else "February has 28 days, and 29 in a leap year."
    j = d.int(0, 11)
    return QA(d.say("[How many days does {m} have?|How many days are in {m}?|How many days are there in {m}?]", {"m": L.MONTHS[i]}), full, str(n),
              (d.say("[And {m}?|What about {m}?]", {"m": L.MONTHS[j]}), f"{L.MONTHS[j]} has {L.MONTH_DAYS[j]} days." if j != 1 else "February has 28 days, and 29 in a leap year."))


def position(d):
    name, items = d.choice([("day of the week", L.DAYS), ("month of the year", L.MONTHS), ("planet from the sun", L.PLANETS), ("letter of the alphabet", L.LETTERS[:12])])
    i = d.int(0, len(items) - 1)
    if d.chance(.25):
        i = len(items) - 1 if "alphabet" not in name else i
    word = ORDINALS[i + 1]
    if i == len(items) - 1 and "alphabet" not in name and d.chance(.5):
        word = "last"
    q = d.say("[What is the {o} {n}?|Which is the {o} {n}?|Name the {o} {n}.|Tell me the {o} {n}.]", {"o": word, "n": name})
    return QA(q, f"The {word} {name} is {items[i]}.", items[i])


def capital_city(d):
    x, y = d.sample(L.COUNTRIES, 2)
    if d.chance(.7):
        q = d.say("[What is the capital of {c}?|Which city is the capital of {c}?|What is {c}'s capital?|Capital of {c}?|Tell me the capital of {c}.|What's the capital of {c}?|Name the capital city of {c}.|Do you know the capital of {c}?]", {"c": x[0]})
        return QA(capital(q), d.say("[The capital of {c} is {k}.|The capital of {c} is {k}.|{k} is the capital of {c}.]", {"c": x[0], "k": x[1]}), x[1],
                  (d.say("[And {c}?|What about {c}?|And the capital of {c}?|And of {c}?]", {"c": y[0]}), f"The capital of {y[0]} is {y[1]}."))
    q = d.say("[{k} is the capital of which country?|Which country has the capital {k}?|In which country is {k}?|Where is {k}?|In what country is the city of {k}?]", {"k": x[1]})
    return QA(q, f"{x[1]} is the capital of {x[0]}." if "capital" in q else f"{x[1]} is in {x[0]}.", x[0], (d.say("[And {k}?|Where is {k}?]", {"k": y[1]}), f"{y[1]} is in {y[0]}."))


def continent(d):
    x, y = d.sample([c for c in L.COUNTRIES if c[0] not in ("Russia", "Turkey", "Australia", "Egypt")], 2)
    if d.chance(.5):
        return QA(d.say("[On which continent is {c}?|Which continent is {c} in?|On what continent is {c}?|{C} is on which continent?]", {"c": x[0]}), f"{capital(x[0])} is in {x[2]}.", x[2], (d.say("[And {c}?|What about {c}?]", {"c": y[0]}), f"{capital(y[0])} is in {y[2]}."))
    return QA(d.say("[What language do people speak in {c}?|Which language is spoken in {c}?|What do people speak in {c}?|What is the language of {c}?]", {"c": x[0]}), f"In {x[0]}, people speak {x[3]}.", x[3],
              (d.say("[And in {c}?|What about {c}?]", {"c": y[0]}), f"In {y[0]}, people speak {y[3]}."))


def use_of(d):
    x, y = d.sample(L.OBJECTS, 2)
    if d.chance(.5):
        q = d.say("[What is {x} for?|What is {x} used for?|What do you use {x} for?|What can you do with {x}?|Why do people need {x}?]", {"x": a(x[0])})
        if x[0] == "soap":
            return QA(q.replace("some soap", "soap").replace("a soap", "soap"), "Soap is used to wash your hands.", "")
        return QA(q, d.say("[You use {x} to {u}.|{X} is used to {u}.|People use {x} to {u}.]", {"x": a(x[0]), "u": x[2]}), "", (d.say("[And {x}?|What about {x}?|And what is {x} for?]", {"x": a(y[0])}), f"You use {a(y[0])} to {y[2]}."))
    if x[0] in ("soap", "bowl", "spoon", "fork", "plate", "scarf", "coat", "blanket", "glove", "drum", "violin", "piano", "guitar", "flute", "pen", "ball", "doll", "chair", "sofa", "bed", "box", "bag", "needle", "door", "candle", "lamp", "basket", "watch", "clock", "pencil", "letter", "stamp", "bell", "whistle", "rope", "shoe", "key", "lock", "puzzle", "bus", "train", "plane", "boat", "truck", "car", "ship"):
        return use_of_again(d, x)
    q = d.say("[What do you use to {u}?|Which thing do you need to {u}?|What do people use to {u}?|What helps you {u}?]", {"u": x[2]})
    return QA(q, d.say("[You use {x} to {u}.|You need {x} to {u}.|{X} helps you {u}.]", {"x": a(x[0]), "u": x[2]}), x[0])


def use_of_again(d, x):
    if x[0] == "soap":
        return QA("What is soap for?", "Soap is used to wash your hands.", "")
    material = {"fat": "fat"}.get(x[4], x[4])
    q = d.say("[What is {x} made of?|What are {xs} made of?|From which material is {x} made?]", {"x": a(x[0]), "xs": x[1]})
    return QA(q, f"{capital(a(x[0]))} is often made of {material}.", material)


def object_place(d):
    x = d.choice([o for o in L.OBJECTS if o[3] in ("the kitchen", "the library", "the bathroom", "the garage", "the toolbox", "the airport", "the station", "the harbor", "the bedroom", "the wall", "the desk", "the shed", "the sewing box") and o[0] not in ("chair", "window", "table", "soap")])
    prep = "at" if x[3] in ("the airport", "the station", "the harbor") else "on" if x[3] in ("the wall", "the desk") else "in"
    return QA(d.say("[Where do you find {x}?|Where is {x} usually kept?|Where can I find {x}?|Where would I look for {x}?]", {"x": a(x[0])}), f"You can find {a(x[0])} {prep} {x[3]}.", x[3])


def job_fact(d):
    x, y = d.sample(L.JOBS, 2)
    k = d.int(0, 2)
    if k == 0:
        return QA(d.say("[What does {x} do?|What is {x}?|What is the job of {x}?|What do {xs} do?]", {"x": a(x[0]), "xs": x[1]}), d.say("[{X} {does}.|{X} is a person who {does}.]", {"x": a(x[0]), "does": x[2]}), "",
                  (d.say("[And {x}?|What about {x}?|And what does {x} do?]", {"x": a(y[0])}), f"{capital(a(y[0]))} {y[2]}."))
    if k == 1:
        return QA(d.say("[Who {does}?|Which person {does}?|What do you call a person who {does}?|What is the name for someone who {does}?]", {"does": x[2]}), d.say("[{X} {does}.|That is {x}.]", {"x": a(x[0]), "does": x[2]}), x[0])
    prep = {"road": "on the road", "sea": "at sea", "school": "at school", "farm": "on a farm", "airport": "at the airport", "harbor": "at the harbor", "desk": "at a desk", "building site": "on a building site", "meadow": "in a meadow", "police station": "at a police station",
            "fire station": "at a fire station", "space station": "on a space station", "court": "in court", "theater": "in a theater"}.get(x[3], "in " + a(x[3]))
    return QA(d.say("[Where does {x} work?|Where do {xs} work?|Where can you meet {x}?]", {"x": a(x[0]), "xs": x[1]}), f"{capital(a(x[0]))} works {prep}.", x[3])


def definition(d):
    w, m = d.choice(L.DEFINITIONS)
    (w2, m2) = d.choice(L.DEFINITIONS)
    plain = w in UNCOUNTED
    aw, aw2 = (w if plain else a(w)), (w2 if w2 in UNCOUNTED else a(w2))
    if w in UNIQUE:
        aw = UNIQUE[w]
    if w2 in UNIQUE:
        aw2 = UNIQUE[w2]
    mm = m if plain and not m.startswith(("a ", "an ", "the ")) else ("the star that gives the Earth light and warmth" if w == "sun" else m)

    def sentence(x, y, z):
        return f"{capital(x)} is {z}."
    q = d.say("[What is {x}?|What is {x}?|What does the word '{w}' mean?|What does \"{w}\" mean?|Define {w}.|Explain what {x} is.|What do we mean by '{w}'?|Tell me what {x} is.|Can you explain what {x} is?|Explain the word {w}.|What's {x}?]", {"x": aw, "w": w})
    return QA(q, sentence(aw, w, mm), "", (d.say("[And {x}?|What about {x}?|And what is {x}?]", {"x": aw2}), sentence(aw2, w2, m2)))


UNCOUNTED = {"rain", "snow", "ice", "wind", "bad weather", "music", "memory", "data", "money", "peace", "courage", "honesty", "patience", "kindness", "hunger", "thirst", "breakfast", "lunch", "dinner", "honey", "bread", "soup", "winter", "summer",
             "gravity", "electricity", "energy", "oxygen", "fruit"}
UNIQUE = {"sun": "the sun", "moon": "the moon", "internet": "the internet", "alphabet": "the alphabet"}


def category_member(d):
    groups = [("fruit", "a fruit"), ("vegetable", "a vegetable"), ("animal", "an animal"), ("vehicle", "a vehicle"), ("color", "a color"), ("tool", "a tool"), ("sport", "a sport"), ("country", "a country"), ("musical instrument", "a musical instrument"), ("bird", "a bird"), ("flower", "a flower")]
    pools = {"fruit": [a(p[0]) for p in L.PRODUCE if p[3] == "fruit"], "vegetable": [a(p[0]) for p in L.PRODUCE if p[3] == "vegetable"], "animal": [a(x[0]) for x in L.ANIMALS if x[7] != "bird"], "vehicle": [a(x) for x in L.VEHICLES],
             "color": L.COLORS[:11], "tool": [a(x) for x in L.TOOLS], "sport": L.SPORTS, "country": [c[0] for c in L.COUNTRIES if c[0] != "Australia"], "musical instrument": [a(x) for x in L.INSTRUMENTS], "bird": [a(x[0]) for x in L.ANIMALS if x[7] == "bird"],
             "flower": [a(x) for x in L.FLOWERS]}
    g, ag = d.choice(groups)
    if d.chance(.5):
        x = d.choice(pools[g])
        if x == "orange" or x == "an orange":
            return QA("Is orange a color or a fruit?", "Orange is both: a color and a fruit.", "both")
        q = d.say("[Is {x} {g}?|Would you say that {x} is {g}?|Is it right that {x} is {g}?]", {"x": x, "g": ag})
        return QA(q, f"Yes, {x} is {ag}.", "yes")
    other = d.choice([k for k, _ in groups if k != g and {k, g} != {"animal", "bird"} and {k, g} != {"color", "flower"} and {k, g} != {"color", "fruit"}])
    x = d.choice(pools[other])
    while x in ("a violet", "a rose", "an orange", "orange", "cycling", "rowing"):
        x = d.choice(pools[other])
    ao = dict(groups)[other]
    if d.chance(.4):
        q = d.say("[What is {x}: {g} or {o}?|Is {x} {o} or {g}?|Is {x} {g} or {o}?]", {"x": x, "g": ag, "o": ao})
        return QA(q, f"{capital(x)} is {ao}.", other)
    return QA(d.say("[Is {x} {g}?|Would you say that {x} is {g}?]", {"x": x, "g": ag}), f"No, {x} is not {ag}. It is {ao}.", "no")


def why_how(d):
    q, ans = d.choice(EXPLAIN)
    return QA(d.say(q), d.say(ans))


EXPLAIN = [("[Why do we sleep?|Why do people need sleep?|Why is sleep important?]", "We sleep because our body and our brain need rest."), ("[Why do we eat?|Why do people need food?]", "We eat because food gives our body energy."),
           ("[Why do we drink water?|Why is water important?]", "We drink water because our body needs it to live."), ("[Why is the sky blue?|Why does the sky look blue?]", "The sky looks blue because the air scatters blue light more than other colors."),
           ("[Why does it rain?|How does rain form?|Where does rain come from?]", "Rain comes from clouds. When the tiny drops of water in a cloud become too heavy, they fall down."), ("[Why do birds fly south?|Why do many birds fly south in autumn?]", "Many birds fly south in autumn because it is warmer there and they find more food."),
           ("[Why do leaves fall in autumn?|Why do trees lose their leaves?]", "Trees lose their leaves in autumn to save water during the cold winter."), ("[Why do we brush our teeth?|Why should I brush my teeth?]", "We brush our teeth to keep them clean and healthy."),
           ("[Why do we wash our hands?|Why should I wash my hands?]", "We wash our hands to remove dirt and germs."), ("[Why is it dark at night?|Why does it get dark?]", "It is dark at night because our side of the Earth is turned away from the sun."),
           ("[Why do we have seasons?|What causes the seasons?]", "We have seasons because the axis of the Earth is tilted as it goes around the sun."), ("[Why does ice melt?|When does ice melt?]", "Ice melts when it gets warmer than zero degrees Celsius."),
           ("[When does water boil?|At what temperature does water boil?]", "Water boils at 100 degrees Celsius."), ("[When does water freeze?|At what temperature does water freeze?]", "Water freezes at zero degrees Celsius."),
           ("[Where does the sun rise?|Where does the sun come up?]", "The sun rises in the east."), ("[Where does the sun set?|Where does the sun go down?]", "The sun sets in the west."), ("[Why do cats purr?|When does a cat purr?]", "A cat often purrs when it feels safe and happy."),
           ("[Why do we need trees?|Why are trees important?]", "Trees are important because they give us clean air, shade, wood and fruit."), ("[Why do we read books?|Why is reading good?]", "Reading is good because it teaches us new things and lets us dream."),
           ("[What do plants need to grow?|What does a plant need?]", "Plants need light, water, air and soil to grow."), ("[What do bees make?|What do we get from bees?]", "Bees make honey."), ("[What do cows give us?|What do we get from cows?]", "Cows give us milk."),
           ("[What do hens lay?|What do we get from hens?]", "Hens lay eggs."), ("[What do sheep give us?|What do we get from sheep?]", "Sheep give us wool."), ("[What is bread made of?|What do you need to make bread?]", "Bread is made of flour, water, salt and yeast."),
           ("[What is cheese made of?|What do you make cheese from?]", "Cheese is made from milk."), ("[What is glass made of?|What do you make glass from?]", "Glass is made from sand."), ("[What is paper made of?|What do you make paper from?]", "Paper is made from wood."),
           ("[What is the biggest animal?|Which animal is the biggest?|What is the largest animal in the world?]", "The biggest animal is the blue whale."), ("[What is the tallest animal?|Which animal is the tallest?]", "The tallest animal is the giraffe."),
           ("[What is the fastest land animal?|Which land animal is the fastest?]", "The fastest land animal is the cheetah."), ("[What is the biggest planet?|Which planet is the largest?]", "The biggest planet is Jupiter."),
           ("[What is the biggest ocean?|Which ocean is the largest?]", "The biggest ocean is the Pacific Ocean."), ("[What is the highest mountain?|Which mountain is the highest in the world?]", "The highest mountain in the world is Mount Everest."),
           ("[Which planet do we live on?|On which planet do we live?|What is the name of our planet?]", "We live on the planet Earth."), ("[What shines at night?|What can you see in the sky at night?]", "At night you can see the moon and the stars."),
           ("[What do you wear when it is cold?|What should I wear in winter?]", "When it is cold, you can wear a warm coat, a hat, a scarf and gloves."), ("[What do you wear when it rains?|What should I take with me when it rains?]", "When it rains, you can take an umbrella and wear a raincoat."),
           ("[What do you do when you are tired?|What should I do when I am tired?]", "When you are tired, you should rest or go to sleep."), ("[What should I do when I am hungry?|What do you do when you are hungry?]", "When you are hungry, you should eat something."),
           ("[What should I do when I am thirsty?|What do you do when you are thirsty?]", "When you are thirsty, you should drink some water."), ("[What should I do when I am sick?|What do you do when you are sick?]", "When you are sick, you should rest and see a doctor."),
           ("[What is the coldest season?|Which season is the coldest?]", "Winter is the coldest season."), ("[What is the hottest season?|Which season is the warmest?]", "Summer is the warmest season."), ("[When do flowers bloom?|In which season do many flowers bloom?]", "Many flowers bloom in spring."),
           ("[What do we use to see?|With which part of the body do we see?|What do you see with?]", "We see with our eyes."), ("[What do we use to hear?|With which part of the body do we hear?|What do you hear with?]", "We hear with our ears."),
           ("[What do we use to smell?|With which part of the body do we smell?]", "We smell with our nose."), ("[What do we use to walk?|With which part of the body do we walk?]", "We walk with our legs and feet."), ("[What color do you get when you mix blue and yellow?|What do blue and yellow make?|Mix blue and yellow. What color is it?]", "Blue and yellow make green."),
           ("[What color do you get when you mix red and yellow?|What do red and yellow make?]", "Red and yellow make orange."), ("[What color do you get when you mix red and blue?|What do red and blue make?]", "Red and blue make purple."), ("[What color do you get when you mix red and white?|What do red and white make?]", "Red and white make pink."),
           ("[What color do you get when you mix black and white?|What do black and white make?]", "Black and white make gray."), ("[How does a seed become a plant?|How does a plant grow?]", "A seed takes up water from the soil. Then a small root and a green shoot come out, and with light and water the plant grows."),
           ("[How do fish breathe?|How can fish breathe under water?]", "Fish breathe with gills."), ("[How do birds fly?|How can birds fly?]", "Birds fly by moving their wings. Their bodies are light, and their feathers push the air."), ("[How do boats float?|Why does a boat float?]", "A boat floats because it pushes away water that weighs as much as the boat."),
           ("[What is the difference between a lake and a river?|How is a river different from a lake?]", "A lake stands still and has land around it, but a river flows."), ("[What is the difference between day and night?|How is day different from night?]", "By day the sun shines and it is light, and at night it is dark."),
           ("[What comes out of a chicken egg?|What hatches from a hen's egg?]", "A chick comes out of a hen's egg."), ("[What does a caterpillar become?|What does a caterpillar turn into?]", "A caterpillar becomes a butterfly."), ("[What does a tadpole become?|What does a tadpole turn into?]", "A tadpole becomes a frog."),
           ("[Which is the closest star to the Earth?|What is the nearest star?]", "The nearest star to the Earth is the sun."), ("[What goes around the Earth?|Which body moves around the Earth?]", "The moon goes around the Earth."), ("[Does the Earth go around the sun?|Does the Earth move around the sun?]", "Yes, the Earth goes around the sun once a year."),
           ("[Can people fly?|Can a person fly?]", "No, people cannot fly by themselves, but they can travel by plane."), ("[Can people breathe under water?|Can I breathe under water?]", "No, people cannot breathe under water."), ("[Is the sun hot?|Is the sun hot or cold?]", "The sun is very hot."), ("[Is ice cold?|Is ice hot or cold?]", "Ice is cold."),
           ("[Is fire hot?|Is fire hot or cold?]", "Fire is hot."), ("[Is a stone soft?|Is a stone hard or soft?]", "A stone is hard."), ("[Is a pillow hard or soft?|Is a pillow soft?]", "A pillow is soft."), ("[Is sugar sweet?|How does sugar taste?]", "Sugar is sweet."), ("[Is a lemon sweet?|How does a lemon taste?]", "A lemon tastes sour."),
           ("[How does salt taste?|Is salt sweet?]", "Salt is not sweet. It tastes salty.")]


def shape(d):
    x, n = d.choice(L.SHAPES)
    if d.chance(.6):
        return QA(d.say("[How many sides does {x} have?|How many corners does {x} have?|How many sides has {x}?]", {"x": a(x)}), f"{capital(a(x))} has {number(int(n))} sides.", number(int(n)))
    if n == "4":
        return QA("Which shape has four equal sides?", "A square has four equal sides.", "square")
    return QA(d.say("[Which shape has {n} sides?|What shape has {n} sides?|What do you call a shape with {n} sides?]", {"n": number(int(n))}), f"{capital(a(x))} has {number(int(n))} sides.", x)


def taste(d):
    x = d.choice([p for p in L.PRODUCE if p[4] in ("sweet", "sour")])
    return QA(d.say("[How does {x} taste?|What does {x} taste like?|Is {x} sweet or sour?]", {"x": a(x[0])}), f"{capital(a(x[0]))} tastes {x[4]}.", x[4])


def rhyme(d):
    group = d.choice(L.RHYMES)
    x, y = d.sample(group, 2)
    return QA(d.say("[What rhymes with {x}?|Which word rhymes with {x}?|Give me a word that rhymes with {x}.|Find a rhyme for {x}.|Tell me a word that rhymes with '{x}'.]", {"x": x}), d.say("[{Y} rhymes with {x}.|The word {y} rhymes with {x}.]", {"x": x, "y": y}), y)


KINDS = [(color_of, 4), (animal_sound, 3), (animal_legs, 3), (animal_home, 2), (animal_food, 2), (animal_young, 2), (animal_class, 2), (animal_can, 3), (animal_note, 3), (animal_tell, 3), (bigger, 4), (opposite, 5), (cycle, 6), (how_many, 4),
         (month_days, 2), (position, 2), (capital_city, 6), (continent, 3), (use_of, 4), (object_place, 1), (job_fact, 3), (definition, 7), (category_member, 4), (why_how, 6), (shape, 1), (taste, 1), (rhyme, 2)]


def fact(d):
    return d.weighted(KINDS)(d)
