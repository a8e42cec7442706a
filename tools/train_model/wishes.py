"""Tales about any hero one can name: an animal, a dragon, a cloud or a clock that wants something; and pages of a diary."""

import lexicon as L
from grammar import a, capital, pronouns
from tale import Tale

CREATURES = "dragon,robot,giant,elf,ghost,snowman,teddy bear,unicorn,fairy,monster,alien,dwarf,mermaid,dinosaur,princess,prince,king,queen,knight,pirate,wizard,witch,clown,baker,farmer,sailor,tailor,shepherd,fisherman,gardener,painter".split(",")
PEOPLE = {"princess": "f", "queen": "f", "witch": "f", "mermaid": "f", "fairy": "f", "prince": "m", "king": "m", "knight": "m", "pirate": "m", "wizard": "m", "giant": "m", "baker": "m", "farmer": "f", "sailor": "m", "tailor": "m", "shepherd": "f", "fisherman": "m", "gardener": "f", "painter": "f", "clown": "m", "dwarf": "m", "elf": "m"}
THINGS = "cloud,star,tree,river,lamp,clock,train,boat,kite,leaf,stone,candle,bell,shoe,pencil,snowflake,teapot,flower,seed,lighthouse,bus,tractor,drum,umbrella,letter,coin,mountain,windmill,ship,car,balloon,moon".split(",")
HELPERS = "old owl,wise turtle,gray donkey,white goose,little mouse,friendly bear,clever fox,old oak tree,soft wind,silver fish,young deer,black crow,green frog,kind shepherd,old woman,little girl".split(",")
# wish | try that fails | advice | what works | ending
WISHES = [("to see the sea", "walked in circles and came back to the same place", "follow the river, because every river finds the sea", "followed the river for three days", "stood at the blue sea and heard the waves"),
          ("to find a friend", "waited alone behind a stone", "say hello first", "said hello to everyone on the road", "had more friends than fingers on a hand"),
          ("to learn a song", "tried to sing, but it sounded like a broken door", "listen before you sing", "listened to the birds every morning", "sang so well that everyone stopped to hear it"),
          ("to touch the moon", "jumped as high as possible, but the moon was too far away", "look into the lake at night", "went to the lake at night and saw the moon in the water", "touched the bright moon in the water with great care"),
          ("to be brave", "ran away from a small noise", "take one small step every day", "took one small step every day", "was brave when it mattered"),
          ("to have a garden", "threw seeds on hard stone, and nothing grew", "dig first and be patient", "dug the ground and watered the seeds", "sat in a garden full of flowers"),
          ("to know a secret", "asked everyone in a loud voice, but nobody told it", "learn to be quiet", "stayed quiet for a whole day", "heard the secret: the best things can be shared"),
          ("to make the king laugh", "told a joke, but forgot the end", "be yourself", "fell into a bucket by mistake and laughed about it", "made the whole castle laugh"),
          ("to see the world", "looked at an old map all day", "start with the next village", "went from village to village", "had seen ten lands and loved home most of all"),
          ("to help someone", "asked a strong ox, but the ox needed no help", "look for those who are small and alone", "carried a tired snail up the hill", "felt warm and useful"),
          ("to stop the long rain", "shouted at the clouds, but they did not listen", "ask politely", "asked the clouds in a polite voice", "saw the sun and a wide rainbow"),
          ("to find the lost golden key", "looked in every tree", "look where the light is", "looked under the old lantern at the gate", "opened the little door to a room full of books"),
          ("to sleep without bad dreams", "stayed awake all night", "think of three good things", "thought of three good things before sleeping", "slept well and dreamed of the summer"),
          ("to make music", "hit a pot with a spoon, and everyone covered their ears", "begin with one soft note", "played one soft note, then two, then three", "played a song for the whole village"),
          ("to build a house", "piled up stones, but they fell down", "start with a strong floor", "laid flat stones first and built the walls on them", "lived in a warm little house with a round window"),
          ("to find the way home", "took the first path and got lost", "look at the stars, because they show the north", "followed the brightest star all night", "saw the lights of home"),
          ("to read", "held a book upside down", "learn one letter a day", "learned one letter every day", "read a whole book under a tree"),
          ("to win a race", "bought the fanciest shoes, but they hurt", "practice when nobody is looking", "practiced every evening on the empty road", "crossed the line first and shook hands with all the others"),
          ("to bring back the summer", "hung paper flowers in the snow", "wait and keep a warm fire", "kept a small fire and told stories all winter", "opened the door one morning and smelled the first flowers"),
          ("to cook the best soup", "put everything into the pot at once", "taste often and use little salt", "tasted the soup after every spoon of salt", "served a soup that made even the grumpy neighbor smile"),
          ("to have a birthday party", "waited for guests, but had invited nobody", "write letters to your friends", "wrote a letter to every friend", "danced with all the guests until midnight"),
          ("to speak with the stars", "called loudly into the night", "listen instead of calling", "lay in the grass and listened", "heard the quiet and understood it"),
          ("to paint the sunset", "used only black paint", "look first and paint later", "looked at the evening sky for seven days", "painted a sunset that glowed in the dark"),
          ("to cross the wide river", "jumped and fell into the cold water", "build a raft", "tied old branches together and made a raft", "stood dry on the other side"),
          ("to be fast", "ran without looking and fell into the mud", "slow down first and learn the way", "learned the way step by step", "was the first to arrive")]
LANDS = ["in a far land", "at the end of the world", "behind seven hills", "in an old castle", "in a deep forest", "near a small village", "by the sea", "in a quiet valley", "on a green island", "at the edge of the desert", "under a tall mountain", "in a big city"]
ADJS = ["little", "small", "young", "lonely", "curious", "shy", "cheerful", "old", "friendly", "clumsy", "quiet", "clever", "tired"]


JOB_NAMES = {j[0] for j in L.JOBS}
TOPICS = CREATURES * 2 + THINGS + [x[0] for x in L.ANIMALS] * 2 + [o[0] for o in L.OBJECTS if o[0] != "soap"] + [p[0] for p in L.PRODUCE] + [j[0] for j in L.JOBS]


def wish(d, topic=None):
    t = Tale(d, topic)
    if topic is None:
        topic = d.pair(TOPICS, [w[0] for w in WISHES])
        topic, want = topic
        row = next(w for w in WISHES if w[0] == want)
    else:
        row = d.choice(WISHES)
    h1, h2 = d.sample([h for h in HELPERS if topic not in h], 2)
    kind = PEOPLE.get(topic) or ("n" if topic not in JOB_NAMES else d.choice("fm"))
    t.v.update(pronouns(kind))
    adj = d.choice(ADJS)
    name = d.choice(L.GIRLS if kind == "f" else L.BOYS) if kind != "n" or d.chance(.35) else ""
    t.set(adjx=f"{adj} {topic}", x=topic, ax=a(f"{adj} {topic}"), rel="who" if kind != "n" else "that", want=row[0], fail=row[1], advice=row[2], work=row[3], done=row[4], h1=h1, h2=h2, land=d.choice(LANDS), hero=name or f"the {topic}", n=name)
    t.add("[Once upon a time|Long ago|Once|There was a time when], [there was|there lived] {ax}{named} {land}.".replace("There was a time when]", "A long time ago]").replace("{named}", d.choice([" named {n}", " called {n}"]) if name else ""))
    if d.chance(.2):
        t.text[-1] = t.say("The {adjx} lived {land} and was called {n}." if name else "The {adjx} lived {land}.")
    t.add("{Hero} had one big wish: {he} wanted {want}." if d.chance(.5) else "[Every day|Each morning], {hero} [thought|dreamed] of one thing: {he} wanted {want}.")
    t.add("[First|One day], {hero} {fail}. [\"This does not work,\" {he} said.|{Hero} was sad.|That was not a good idea.]")
    t.add("Then {he} met {ah1}. \"[Do you know how I can do it|Can you help me]?\" {he} asked. \"{Wish}!\"".replace("{ah1}", a(h1)).replace(" \"{Wish}!\"", " \"I want {want}.\""))
    t.add("\"[No, I do not know|I cannot tell you that],\" said the {h1}. \"[Ask|But go and ask] the {h2}.\"" if d.chance(.5) else "The {h1} thought for a while. \"I do not know,\" it said, \"but the {h2} may know.\"".replace("it said", "came the answer") if "woman" in h1 or "girl" in h1 or "shepherd" in h1 else "\"I do not know,\" said the {h1}. \"Ask the {h2}.\"")
    t.add("So {hero} went on and found the {h2}. The {h2} [listened well|smiled]. \"[It is easy|Here is my advice]: {advice},\" said the {h2}.")
    t.add("{Hero} [thanked the {h2}|said thank you] and did it. {He} {work}.")
    t.add("[And one day|In the end|At last], {hero} {done}. [\"Now I know how it is done,\" {he} said.|{Hero} was [very happy|full of joy].|From that day on, {hero} helped others with good advice.]")
    t.fact("What did {hero} want?", "{Hero} wanted {want}.")
    t.fact("Who gave {hero} good advice?", "The {h2} gave {hero} good advice.")
    t.fact("What was the advice of the {h2}?", "The advice was: {advice}.")
    t.fact("What did {hero} do in the end?", "{Hero} {work}.")
    t.fact("Where did {hero} live?", "{Hero} lived {land}.")
    return t.end("[The {X} and the Big Wish|The Wish of the {X}|A Wish]" if not name else "[{n} the {X}|The Wish of {n}|The {X} and the Big Wish]", f"{capital(t.v['ax'])} wanted {row[0]}, and {a(h2)} gave good advice.", "[Ask, listen and try again.|A wish needs patience and a good friend.]")


def diary(d, topic=None):
    t = Tale(d, topic)
    job = d.choice(L.JOBS)
    t.set(job=job[0], ajob=a(job[0]), t1=d.choice(["five", "six", "seven", "eight"]), drink=d.choice(L.DRINKS[:9]), hobby=d.choice(L.HOBBIES), sky=d.choice(L.WEATHER))
    t.add("[Today was|{Day} was|It was] a [good|long|busy|quiet|special] day.")
    t.add("I got up at {t1} o'clock, [washed my face|opened the window|made my bed] and drank {drink}. The weather was {sky}.")
    t.add("I am {ajob}, so I went to work [by bus|on foot|by bicycle|early].", .6)
    worked = t.text[-1].startswith("I am")
    t.add("[In the morning|Later], I was {place} and met {f}. We talked about [the weather|our families|an old friend|the news|a good book].")
    t.add("[At noon|For lunch] I ate {food}. [It was very good.|It tasted great.|I was still hungry after that.]")
    t.add("In the afternoon, I [wrote a letter to my sister|helped a neighbor with a heavy box|cleaned the kitchen|lost my key and found it again|bought the {color} hat from the shop window].")
    t.add("In the evening, I enjoyed {hobby} and went to bed [early|late|at ten o'clock]. [I hope tomorrow will be as good as today.|Tomorrow I will rest.|Good night!]".replace("chess", "a game of chess"))
    t.fact("When did the writer get up?", "The writer got up at {t1} o'clock.")
    t.fact("What did the writer eat?", "The writer ate {food}.")
    t.fact("Whom did the writer meet?", "The writer met {f}.")
    t.fact("How was the weather?", "The weather was {sky}.")
    if worked:
        t.fact("What is the writer's job?", "The writer is {ajob}.")
    return t.end("[My Day|A Page from My Diary|Dear Diary]", "The writer had a day full of small events and met {f}.", "")
