"""Plots. Each takes a Draw and gives a finished Tale: sentences, facts, a title, a summary and perhaps a moral."""

import lexicon as L
from grammar import a, capital, number
from tale import Tale

def lost_thing(d, topic=None):
    t = Tale(d, topic)
    obj = topic if topic in L.KEEPSAKES else None
    name, thing = (t.v["h"], obj) if obj or d.hero else d.pair([t.v["h"]], L.KEEPSAKES) if not d.heldout else d.pair(L.GIRLS[:20] if t.v["he"] == "she" else L.BOYS[:20], L.KEEPSAKES)
    thing = thing or d.choice(L.KEEPSAKES)
    t.set(h=name, obj=thing, aobj=a(d.choice(["old", "small", "new", "pretty"]) + " " + thing), where=d.choice(HIDING))
    w1, w2 = d.sample([x for x in SEARCHED if x != t.v["where"]], 2)
    t.set(w1=w1, w2=w2, giver=d.choice(["grandmother", "grandfather", "aunt", "uncle", "mother", "father"]))
    t.opening()
    t.add("{h} [had|owned] {aobj} that [{he} loved very much|{he} took everywhere|was a gift from {his} {giver}|meant a lot to {him}]." if d.chance(.5)
          else "{His} [favorite|most loved] thing was {aobj}. It was a gift from {his} {giver}.")
    gift = "gift from" in t.text[-1]
    t.morning()
    t.join("[{he} could not find it|the {obj} was gone|{h} saw that the {obj} was gone|{he} looked for the {obj}, but it was not there].")
    t.add("\"Where is my {obj}?\" [{he} asked|asked {h}|said {h}][. {He} was worried|, and {he} felt sad|].")
    t.add("{h} looked {w1}, but [it was not there|the {obj} was not there|{he} did not find it].")
    t.add("{He} looked {w2}, but [found only dust|it was not there either|there was nothing there|{he} found only [a spoon|an old sock|a button|a leaf]].", .85)
    t.add("Then {h} [asked|called] {his} [friend|neighbor] {f} for help. [\"Please help me look for it,\" {he} said.|\"I lost my {obj}. Can you help me?\" {he} asked.|\"Can you help me, please?\" asked {h}.]")
    t.add("\"[Of course|Yes|Sure|Do not worry], [we will find it|I will help you|let us look together],\" said {f}.")
    t.add("{f} [thought for a moment|looked around|closed {fhis} eyes and thought]. \"[Where did you go yesterday|When did you last see it|Where did you play this morning]?\" {fhe} asked.", .6)
    t.weather(.2)
    t.add("[They looked for a long time.|Together they looked everywhere.|They searched and searched.] [At last|Finally|In the end], [{f}|they] found the {obj} {where}." if d.chance(.6)
          else "[At last|Then|After an hour], {f} [looked|searched] {where}. There was the {obj}!")
    t.add("\"Thank you[ so much|, {f}|]!\" [said|cried] {h}. {He} was [very happy|so happy|happy again|full of joy].")
    t.closing(.7)
    t.fact("What did {h} lose?", "{h} lost {his} {obj}.")
    t.fact("[Where did they find the {obj}|Where was the {obj}|Where was the {obj} in the end]?", "[The {obj} was|It was|They found the {obj}|They found it] {where}.")
    t.fact("Who helped {h}?", "{f} helped {h}.")
    t.fact("How did {h} feel [at the end|when {he} got the {obj} back]?", "{h} [was|felt] happy.")
    t.fact("Where did {h} look first?", "{h} looked {w1} first.")
    if gift:
        t.fact("Who gave {h} the {obj}?", "{His} {giver} gave {him} the {obj}.")
    return t.end("[The Lost {Obj}|{h} and the Lost {Obj}|Where Is the {Obj}?]",
                 "{h} lost {his} {obj}, and {f} helped {him} find it {where}.", "[A good friend helps you when you need it.|Do not give up too soon.]")


HIDING = ["under the bed", "behind the sofa", "in the garden", "under a tree", "in the kitchen", "on the roof", "in an old box", "under a pile of leaves", "behind the door", "in the pocket of an old coat",
          "under the table", "in the barn", "next to the well", "on the bench in the park", "in the grass", "under the stairs", "behind the curtain", "in a basket", "in the shed", "near the gate"]
SEARCHED = HIDING + ["in the drawer", "under the pillow", "on the shelf", "in the bag", "in the bedroom", "in the hall"]


def sharing(d, topic=None):
    t = Tale(d, topic)
    kind = d.choice(["apple", "banana", "pear", "peach", "orange", "cookie", "sandwich", "pancake", "plum", "bun"])
    n = d.int(2, 9)
    t.set(kind=kind, kinds=kind + ("es" if kind in ("sandwich", "peach") else "s"), n=number(n))
    t.opening()
    t.morning()
    t.join("{h} [was sitting|sat] {place} with {n} {kinds}[ in {his} bag| in a basket|].")
    t.weather()
    t.add("[Then {f} came along|{f} came by|Soon {f} sat down next to {him}]. {Fhe} [looked hungry|had nothing to eat|had forgotten {fhis} lunch|looked sad].")
    t.add("\"[Why are you sad|Are you hungry|What is wrong|Did you eat today]?\" asked {h}.")
    t.add("\"[I have nothing to eat|I forgot my lunch at home|I am so hungry|I left my food on the bus],\" said {f}.")
    few = n // 2 if n % 2 == 0 else 1
    t.set(few=number(few), akind=f"{number(few)} {t.v['kinds']}" if few > 1 else a(kind))
    t.add("{h} [thought about it for a moment|looked at {his} food|did not wait long]. {He} [loved|liked] {kinds}, but {he} [loved|liked] {his} friend more.", .6)
    t.add("[So {he}|Then {h}|{h}] [gave|handed] {f} {akind}. \"[Here, take this|This is for you|Let us share|Please eat with me],\" {he} said.")
    t.add("{f} [smiled|laughed|was surprised]. \"Thank you[, {h}|]! [You are very kind|That is so kind of you|You are a good friend].\"")
    t.add("They ate together and [talked about school|watched the birds|told each other jokes|looked at the clouds].")
    t.add("The next day, {f} brought [some {food}|a big piece of cake|two cookies] and shared [it|everything] with {h}.".replace("[it|everything]", "everything"), .6)
    t.closing(.8)
    t.fact("What did {h} have?", "{h} had {n} {kinds}.")
    t.fact("How many {kinds} did {h} have[ at first|]?", "{h} had {n} {kinds}.")
    t.fact("What did {h} give to {f}?", "{h} gave {f} {akind}.")
    t.fact("Where [was {h}|did this happen]?", "[{h} was|It happened] {place}.")
    t.fact("Why did {h} share {his} food?", "{h} shared {his} food because {f} had nothing to eat.")
    return t.end("[{h} Shares|The {N} {Kinds}|Sharing Is Kind]", "{h} had {n} {kinds} and shared them with {f}, who had nothing to eat.", "[Sharing makes both sides happy.|It is good to share.]")


def fear(d, topic=None):
    t = Tale(d, topic)
    thing, why, act = d.choice(FEARS)
    t.set(thing=thing, why=why, act=act, rel=d.choice(["mother", "father", "grandmother", "grandfather", "teacher", "aunt", "uncle"]))
    rel_f = t.v["rel"] in ("mother", "grandmother", "aunt") or (t.v["rel"] == "teacher" and d.chance(.5))
    t.set(rhe="she" if rel_f else "he")
    t.opening()
    t.add("{h} was [afraid of|scared of|very much afraid of] {thing}. [{He} thought that {why}.|\"{Why},\" {he} always said.]")
    t.add("[The other children laughed at {him}, and that made {him} sad.|{He} did not tell anyone about it.|{He} wanted to be brave, but it was hard.]", .6)
    t.add("One [day|evening|morning], {his} {rel} [sat down next to {him}|took {his} hand|came to {him}]. \"[Everyone is afraid sometimes|It is all right to be afraid|Being afraid is normal]. [Let us try it together|We will go slowly|I will stay with you],\" {rhe} said.")
    t.add("[First|At first], {h} [did not want to|shook {his} head|said no]. [But then|After a while], {he} [took a deep breath|counted to three|closed {his} eyes and opened them again] and [said, \"All right.\"|tried.]")
    t.add("{h} {act}. [{His} heart beat fast.|{His} hands were shaking.|It was not easy.]")
    t.add("[But nothing bad happened.|And nothing bad happened.|It was not as bad as {he} had thought.|Soon {he} felt calm.]")
    t.add("\"I did it!\" [{he} cried|said {h}|shouted {h}]. {His} {rel} was [very |]proud of {him}.")
    t.add("[After that day|From then on], {h} was [not afraid of {thing} anymore|much braver|only a little afraid of {thing}].", .8)
    t.fact("What was {h} afraid of?", "{h} was afraid of {thing}.")
    t.fact("Who helped {h}?", "{His} {rel} helped {him}.")
    t.fact("What did {h} do to be brave?", "{h} {act}.")
    t.fact("Why was {h} afraid?", "{He} thought that {why}.")
    t.fact("How did {his} {rel} feel?", "{His} {rel} was proud.")
    return t.end("[{h} Is Brave|The Brave {Child}|A Brave Day]", "{h} was afraid of {thing}, but with help from {his} {rel} {he} became brave.",
                 "[Being brave means trying although you are afraid.|Fear gets smaller when you face it.]")


FEARS = [("the dark", "something was hiding in the dark", "turned off the lamp and stayed in the dark room"), ("dogs", "all dogs would bite", "slowly put out a hand and touched the big dog"),
         ("deep water", "the water would pull everyone down", "stepped into the lake and began to swim"), ("thunder", "thunder could break the house", "stood at the window and watched the storm"),
         ("high places", "it was easy to fall down", "climbed to the top of the ladder"), ("spiders", "spiders were dangerous", "looked closely at a small spider on the wall"),
         ("the first day of school", "nobody would be friendly", "walked through the school door and said hello"), ("speaking to the class", "everyone would laugh", "stood in front of the class and read a poem"),
         ("horses", "horses were too big", "stroked the horse and gave it a carrot"), ("the old house on the hill", "a ghost lived there", "knocked on the door of the old house"),
         ("riding a bicycle", "the bicycle would fall over", "got on the bicycle and rode down the road"), ("the doctor", "it would hurt a lot", "sat down and let the doctor look")]


def rescue(d, topic=None):
    t = Tale(d, topic)
    animal = topic if topic in RESCUED else d.choice(RESCUED)
    trouble, fix = d.choice(TROUBLES)
    t.set(an=animal, aan=a(d.choice(["small", "little", "young"]) + " " + animal), trouble=trouble, fix=fix, pet=d.choice(PET_NAMES), eat=d.choice(["some milk", "a little water", "some bread", "a few seeds", "a warm blanket"]))
    t.opening()
    t.morning()
    t.join("{h} [was walking|went for a walk|was playing|was on {his} way] {place} when {he} heard a [small|sad|strange|soft] sound.")
    t.weather(.3)
    t.add("{He} looked around and saw {aan}. It {trouble}.")
    t.add("\"[Oh no|Poor thing|You poor little one]! [I must help you|Do not be afraid|I will help you],\" said {h}.")
    t.add("[First {he} tried alone, but it was too hard.|{He} did not know what to do, so {he} called {f}.|{h} ran to get {f}.] Together with {f}, {he} {fix}." if d.chance(.6) else "[Slowly and carefully|Very gently|Step by step], {h} {fix}.")
    t.add("[Then|After that|At home], {h} gave the {an} {eat}.")
    t.add("The {an} [soon felt better|was not afraid anymore|looked at {him} with bright eyes|slept for a long time].")
    t.add("[{h} called it {pet}.|{h} gave it a name: {pet}.|\"I will call you {pet},\" said {h}.] [Every day, {pet} waited for {him} at the gate.|{pet} followed {him} everywhere.|{pet} became {his} best friend.]" if d.chance(.65)
          else "[After a few days|The next morning|A week later], the {an} was strong [again|and healthy], and {h} [let it go|set it free]. [It came back to visit {him} every spring.|It looked back once and was gone.|{h} was a little sad, but also glad.]")
    t.fact("What animal did {h} [find|help]?", "{h} [found|helped] {aan}.")
    t.fact("Where was {h}?", "{h} was {place}.")
    t.fact("What was wrong with the {an}?", "The {an} {trouble}.")
    t.fact("How did {h} help the {an}?", "{h} {fix}.")
    t.fact("What did {h} give the {an}?", "{h} gave it {eat}.")
    if t.v["pet"] in t.text[-1]:
        t.fact("What [name did {h} give the {an}|was the name of the {an}|did {h} call the {an}]?", "[{h} called it {pet}.|Its name was {pet}.]")
    return t.end("[{h} and the {An}|The Little {An}|A Friend for {h}]", "{h} found {aan} in trouble and helped it.", "[Be kind to animals.|Even small help can mean a lot.]")


RESCUED = "kitten,puppy,bird,rabbit,hedgehog,duckling,squirrel,fox,lamb,owl,mouse,goat,crow,cat,dog".split(",")
TROUBLES = [("was stuck in a hole", "pulled it out of the hole"), ("was caught in a fence", "opened the fence and set it free"), ("had a hurt leg", "put a clean cloth around its leg"),
            ("was cold and wet", "dried it with a warm towel"), ("had fallen from a tree", "carried it to a safe and warm place"), ("was lost and could not find its home", "helped it find the way home"),
            ("was stuck under a heavy branch", "lifted the branch"), ("was very hungry and weak", "brought it food and water"), ("was caught in an old net", "cut the net with care"), ("had a thorn in its foot", "took the thorn out of its foot")]
PET_NAMES = "Spot,Luna,Coco,Pip,Biscuit,Shadow,Rusty,Pepper,Snowy,Honey,Bubbles,Button,Misty,Ginger,Patch,Dot,Sunny,Cloud,Pebble,Nut,Cookie,Star,Tiny,Max,Rex,Bella,Momo,Kiki".split(",")


def making(d, topic=None):
    t = Tale(d, topic)
    thing, parts, problem, fix = d.choice(MAKINGS)
    t.set(thing=thing, athing=a(thing), parts=parts, problem=problem, fix=fix, rel=d.choice(["mother", "father", "grandmother", "grandfather", "sister", "brother", "teacher"]))
    t.opening()
    t.morning()
    t.join("{h} [wanted to make|had an idea. {He} wanted to make|decided to make] {athing}[ for {his} {rel}|].")
    t.set(why=", because it was {his} {rel}'s birthday" if d.chance(.3) else "")
    t.add("{He} [needed|took|got] {parts}.")
    t.add("[{f} came to help|{His} friend {f} came to help|{h} asked {f} to help], and they [began to work|started right away|worked all morning].")
    t.add("[But|At first it went well, but then] {problem}. \"[Oh no|What now|What shall we do]!\" said {h}.".replace("[Oh no|What now|What shall we do]!", "[Oh no!|What now?|What shall we do?]"))
    t.add("{f} [stayed calm|had an idea|smiled]. \"[We can try again|Let us think|I know what to do],\" {fhe} said. So they {fix}.")
    t.add("[In the evening|At last|After two hours|Finally], the {thing} was [ready|finished|done]. It [looked wonderful|was beautiful|was even better than they had hoped].")
    t.add("\"[Well done|This is great work|It is perfect]!\" said {his} {rel}. {h} and {f} were [very |]proud.")
    t.fact("What did {h} [want to make|make]?", "{h} [wanted to make|made] {athing}.".replace("wanted to make|made", "made"))
    t.fact("[Who helped {h}|Who worked with {h}]?", "{f} helped {h}.")
    t.fact("What went wrong?", "{Problem}.")
    t.fact("What did they need?", "They needed {parts}.")
    t.fact("How did they solve the problem?", "They {fix}.")
    return t.end("[The {Thing}|{h} Makes {Athing}|A Good Plan]", "{h} and {f} made {athing}. {Problem}, but they {fix}.", "[Try again when something goes wrong.|Good work needs patience.]")


MAKINGS = [("kite", "paper, string and two sticks", "the paper tore", "glued a new piece of paper over the hole"), ("cake", "flour, eggs, butter and sugar", "there was no sugar left", "used honey instead of sugar"),
           ("birdhouse", "wood, nails and a hammer", "the roof fell off", "used longer nails"), ("snowman", "snow, a carrot and an old hat", "the head rolled away", "made a new and smaller head"),
           ("treehouse", "boards, ropes and a saw", "one board was too short", "found a longer board in the shed"), ("soup", "carrots, onions, potatoes and water", "the soup was too salty", "added more water and another potato"),
           ("card", "paper, colors and scissors", "the paint ran over the paper", "turned the spot into a flower"), ("toy boat", "wood, cloth and a little glue", "the boat did not float", "made the boat lighter"),
           ("scarf", "wool and two needles", "the wool ran out", "finished it with wool of another color"), ("sandcastle", "sand, water and a bucket", "a wave washed one wall away", "built a new wall farther from the water"),
           ("pie", "apples, flour and butter", "the crust broke", "pressed it together with a little water"), ("puppet", "cloth, buttons and thread", "the needle broke", "borrowed a needle from a neighbor"),
           ("drum", "a pot, a cloth and some rope", "the cloth was too loose", "tied the rope tighter"), ("robot", "old boxes, wheels and wire", "the robot did not move", "changed two wires")]


def quarrel(d, topic=None):
    t = Tale(d, topic)
    toy = topic if topic in L.TOYS else d.choice(L.TOYS)
    t.set(toy=toy, atoy=a(t.v["color"] + " " + toy), damage=d.choice(["broke", "fell into the mud", "fell to the ground and broke", "got a big scratch", "flew over the fence"]))
    t.opening()
    t.add("{f} was {his} [best friend|good friend|neighbor and friend]. They [played together every day|often played {place}].")
    t.morning()
    t.join("{h} [had|brought|was playing with] {atoy}. {f} wanted to [play with it|have it|hold it], too.")
    t.add("\"It is [my turn|mine]!\" [shouted|said|cried] {h}. \"No, [I want it now|it is my turn|give it to me]!\" [shouted|said|cried] {f}.")
    t.add("They both pulled, and the {toy} {damage}.")
    t.add("[Both were silent.|They looked at each other.] [{h} began to cry|{h} went home|{f} ran away], and [the two did not speak for the rest of the day|nobody wanted to play anymore].")
    t.add("[That evening|At night|At home], {h} [thought about it|could not sleep|felt bad]. [\"A friend is more important than a toy,\" {he} thought.|{He} missed {his} friend.]")
    t.add("[The next morning|The next day], {h} went to {f}. \"I am sorry[ that I shouted|],\" {he} said. \"[I am sorry, too|Me too],\" said {f}.")
    t.add("[They repaired the {toy} together|They cleaned the {toy} together|{f} helped to fix the {toy}], and [then they took turns|after that they shared it|played all afternoon].".replace("played all", "they played all"))
    t.add("They [never fought about a toy again|were friends again|laughed about it later].", .7)
    t.fact("What did {h} and {f} fight about?", "They fought about {atoy}.")
    t.fact("What happened to the {toy}?", "The {toy} {damage}.")
    t.fact("What color was the {toy}?", "The {toy} was {color}.")
    t.fact("What did {h} say the next day?", "{h} said that {he} was sorry.")
    return t.end("[The {Color} {Toy}|Two Friends|Saying Sorry]", "{h} and {f} fought over {atoy}, but later they said sorry and became friends again.",
                 "[A friend is more important than a toy.|It is good to say sorry.]")


def contest(d, topic=None):
    t = Tale(d, topic)
    sport, verb, skill = d.choice(CONTESTS)
    win = d.choice(["h", "f", "tie"])
    t.set(sport=sport, verb=verb, skill=skill, prize=d.choice(["a silver cup", "a basket of fruit", "a gold medal", "a big cake", "a new book", "a blue ribbon"]), n=d.choice(["one week", "two weeks", "three weeks", "a month"]))
    t.opening()
    t.morning()
    t.join("[the teacher|the mayor|a man from the village] [told everyone about|talked about] a {sport}. [The prize was|The winner would get] {prize}.")
    t.add("{h} wanted to win. {He} {skill} every day for {n}.")
    t.add("{f} [wanted to win, too|practiced hard, too|was also very good].")
    t.add("On the day of the {sport}, many people came[ to watch|]. {h} was [nervous|excited|a little scared].")
    t.weather(.3)
    t.add("{h} {verb} as well as {he} could. {f} [did the same|was just behind {him}|was very good, too].")
    if win == "h":
        t.add("[In the end|At the last moment|To {his} surprise], {h} won. {f} [shook {his} hand|was the first to clap|said, \"Well done!\"].")
        t.set(winner=t.v["h"])
        t.add("{h} shared the joy with {f}[ and gave {fhim} a big hug|].", .5)
    elif win == "f":
        t.add("[In the end|At the last moment], {f} was [a little better|a bit faster|better] and won. {h} was sad for a moment, but then {he} [smiled|clapped]. \"[Well done|You were great], {f}!\" {he} said.")
        t.set(winner=t.v["f"])
        t.add("\"[You were great, too|Next time you may win|We can practice together],\" said {f}.")
    else:
        t.add("[In the end|When it was over], nobody could say who was better. [Both got a prize|So they shared the prize|The two of them won together].")
        t.set(winner=t.v["h"] + " and " + t.v["f"])
    t.closing(.5)
    t.fact("Who won?", "{winner} won.")
    t.fact("What was the prize?", "The prize was {prize}.")
    t.fact("How long did {h} practice?", "{h} practiced for {n}.")
    t.fact("How did {h} feel before the {sport}?", ["{h} was nervous.", "{h} was excited.", "{h} was a little scared."][0 if "nervous" in " ".join(t.text) else 1 if "was excited" in " ".join(t.text) else 2])
    return t.end("[The {Sport}|{h} and the {Sport}|Who Will Win?]", "{h} practiced hard for a {sport}, and {winner} won.", "[Practice makes you better.|A good friend is glad when you win.]")


CONTESTS = [("race", "ran", "ran around the lake"), ("swimming race", "swam", "swam in the river"), ("singing contest", "sang", "sang in the garden"), ("drawing contest", "drew", "drew pictures"),
            ("baking contest", "baked", "baked bread"), ("chess game", "played", "played chess"), ("spelling contest", "spelled", "learned new words"), ("dance contest", "danced", "danced in front of the mirror"), ("bicycle race", "rode", "rode up the hill"),
            ("jumping contest", "jumped", "jumped over ropes")]


def growing(d, topic=None):
    t = Tale(d, topic)
    plant = d.choice(["carrot", "pumpkin", "sunflower", "bean", "rose", "tulip", "apple tree", "strawberry", "pea", "lily"])
    t.set(plant=plant, aplant=a(plant), threat=d.choice(["snails came", "the sun was very hot", "a strong wind came", "a goat got into the garden", "it did not rain for days", "birds wanted to eat the young plant"]),
          wait=d.choice(["five days", "a week", "ten days", "two weeks", "three weeks"]))
    care = {"snails came": "put the snails in a box and carried them to the meadow", "the sun was very hot": "put an old umbrella over the plant", "a strong wind came": "tied the plant to a stick",
            "a goat got into the garden": "built a small fence", "it did not rain for days": "carried water from the well every evening", "birds wanted to eat the young plant": "made a scarecrow"}[t.v["threat"]]
    t.set(care=care, rel=d.choice(["grandmother", "grandfather", "mother", "father", "neighbor"]))
    t.opening()
    t.morning()
    t.join("{his} {rel} gave {him} a [small|tiny|little] seed. \"[Plant it and wait|Take good care of it|If you are patient, something wonderful will grow],\" {rhe} said.".replace("{rhe}", "she" if t.v["rel"] in ("grandmother", "mother") else "he"))
    t.add("{h} [dug a hole|made a small hole] in the [garden|ground] and put the seed in it. [Every day {he} gave it water.|{He} gave it water every morning.]")
    t.add("[The first days, nothing happened.|Day after day, nothing happened.] \"[Is it dead|When will it grow|Did I do something wrong]?\" {h} asked. \"Be patient,\" said {f}.")
    t.add("After {wait}, a [small green leaf|tiny green plant|little green shoot] came out of the ground. {h} [jumped for joy|was so happy|danced around it].")
    t.add("Then {threat}. {h} [thought fast|did not give up|was worried]. {He} {care}.")
    t.add("The plant grew and grew. In the [summer|end], it was a [big|beautiful|strong] {plant}.")
    t.add("{h} showed it to [everyone|{f}|{his} {rel}]. \"[You took good care of it|You were very patient|What a fine {plant}],\" said [{f}|{his} {rel}].".replace("What a fine {plant}]", "What a fine {plant}]"))
    t.fact("What did {h} plant?", "{h} planted a seed.")
    t.fact("What grew from the seed?", "{Aplant} grew from the seed.")
    t.fact("Who gave {h} the seed?", "{His} {rel} gave {him} the seed.")
    t.fact("How long did it take until the plant came out?", "It took {wait}.")
    t.fact("What did {h} do when {threat}?", "{He} {care}.")
    return t.end("[The Little Seed|{h} and the {Plant}|A Patient {Child}]", "{h} planted a seed and took care of it until it became {aplant}.", "[Good things take time.|Patience brings good things.]")


def fable(d, topic=None):
    t = Tale(d, topic)
    one, two = d.sample(FABLE_ANIMALS, 2)
    if topic and topic in FABLE_ANIMALS:
        one = topic
        two = d.choice([x for x in FABLE_ANIMALS if x != one])
    t.set(x=one, y=two, ax=a(one), ay=a(two))
    kind = d.int(0, 4)
    t.add("[Once upon a time|Long ago|One day|Once], [{ax} and {ay} lived|there lived {ax} and {ay}] [in the same forest|by the same river|near a big farm|at the foot of a mountain].")
    if kind == 0:
        t.set(food=d.choice(["honey", "nuts", "berries", "cheese", "corn", "apples"]))
        t.add("The {x} was [very greedy|greedy]. It [never shared anything|wanted everything for itself]. The {y} was [kind|friendly] and shared its food with everyone.")
        t.add("One day, the {x} found [a lot of|a big pile of] {food}. \"[All this is mine|I will not give any of it away],\" it said.")
        t.add("The {x} ate and ate until its belly was [full|round]. Then it [wanted to go home|tried to crawl back into its hole], but it was too [fat|heavy] to [move|get in].")
        t.add("\"Help me!\" it cried. The {y} heard it and came. It [helped the {x}|pushed and pulled until the {x} was free].")
        t.add("The {x} was ashamed. \"Thank you,\" it said. \"From now on, I will share.\" And it gave half of the {food} to the {y}.")
        t.fact("What did the {x} find?", "The {x} found {food}.")
        t.fact("Who was greedy?", "The {x} was greedy.")
        t.fact("Who helped the {x}?", "The {y} helped the {x}.")
        return t.end("The {X} and the {Y}", "A greedy {x} ate too much {food}, and a kind {y} helped it.", "[Do not be greedy.|It is better to share.]")
    if kind == 1:
        t.add("The {x} was [proud|vain] and said every day, \"I am the [fastest|strongest|cleverest] animal of all.\" The {y} [said nothing|only smiled].")
        t.add("One day, they [had a race|raced] to the [old tree|river|hill]. The {x} [ran ahead|was soon far in front]. It [laughed|looked back] and [lay down to sleep|stopped to eat berries].")
        t.add("The {y} was slow, but it [did not stop|went on, step by step].")
        t.add("When the {x} [looked up again|remembered the race], the {y} was already [at the goal|there]. \"[Slow and steady|One step after another],\" said the {y}.".replace("[Slow and steady|One step after another]", "[I was slow, but I did not stop|I just went on, one step after another]"))
        t.add("The {x} [learned its lesson|was quiet for once|never bragged again].")
        t.fact("Who won the race?", "The {y} won the race.")
        t.fact("Why did the {x} lose?", "The {x} lost because it stopped during the race.")
        t.fact("Who was proud?", "The {x} was proud.")
        return t.end("The {X} and the {Y}", "A proud {x} lost a race against {ay} because it stopped on the way.", "[Do not be too proud.|If you do not stop, you will get there.]")
    if kind == 2:
        t.set(trap=d.choice(["a net", "a deep hole", "a trap"]))
        t.add("One [day|night], the {x} [fell into|was caught in] {trap}. It [called for help|cried], but [nobody came|the others were afraid].")
        t.add("Only the {y} came. \"You once [laughed at me|chased me away],\" it said, \"but I will help you.\" It [worked all night|found a long branch|bit through the ropes] and [set the {x} free|got the {x} out].".replace("It [worked all night|found a long branch|bit through the ropes]", "It [worked all night|worked hard|did its best]"))
        t.add("\"[Why did you help me|Why are you so kind to me]?\" asked the {x}. \"Because [anyone can need help one day|nobody should be left alone],\" said the {y}.")
        t.add("[From that day on|After that], they [were friends|helped each other].")
        t.fact("What happened to the {x}?", "The {x} was caught in {trap}.")
        t.fact("Who helped the {x}?", "The {y} helped the {x}.")
        return t.end("The {X} and the {Y}", "The {y} helped the {x} out of {trap}, and they became friends.", "[Help others, even if they were not kind to you.|A small friend can be a great help.]")
    if kind == 3:
        t.add("In the summer, the {x} [worked every day|gathered food from morning to evening]. The {y} [sang and danced|lay in the sun|slept all day].")
        t.add("\"[Why do you work so much|Come and play with me],\" said the {y}. \"Winter will come,\" [said|answered] the {x}.".replace("Why do you work so much|", "You work too much|"))
        t.add("Then winter came. [Snow covered the ground.|It was very cold.] The {y} had [nothing to eat|no food]. It [went|came] to the {x} and asked for help.")
        t.add("The {x} [let it in|opened the door] and gave it [some food|a warm place and some food]. \"[Next summer, we will work together|But next summer you must help me],\" it said. The {y} [agreed|promised it].")
        t.add("[And so they did.|The next summer, both worked, and both sang.|The {y} kept its promise.]")
        t.fact("Who worked in the summer?", "The {x} worked in the summer.")
        t.fact("Why did the {y} need help?", "The {y} needed help because it had no food in winter.")
        return t.end("The {X} and the {Y}", "The {x} worked in summer and the {y} did not, so in winter the {y} needed help.", "[Think of tomorrow today.|Work first, then play.]")
    t.set(place=d.choice(["the river", "the mountain", "the dark forest", "the desert"]))
    t.add("They wanted to cross {place}, but [neither could do it alone|it was too hard for one alone]. The {x} was [strong|big], and the {y} [was clever|had good eyes].")
    t.add("\"I [will carry you|can carry you],\" said the {x}, \"and you [show me the way|tell me where to go].\" \"[Good idea|Let us do that],\" said the {y}.")
    t.add("So they went together. When [it grew dark|the path was hard to see], the {y} [found the way|said, \"Go left here.\"]. When [the way was hard|the water was deep], the {x} [carried the {y}|was strong].".replace("said, \"Go left here.\"].", "showed the way]."))
    t.add("[In the morning|After a long day|At last], they were on the other side. \"Alone we [could not do it|were weak],\" said the {y}, \"but together we [can do a lot|are strong].\"")
    t.fact("What did they want to cross?", "They wanted to cross {place}.")
    t.fact("Who showed the way?", "The {y} showed the way.")
    return t.end("The {X} and the {Y}", "The {x} and the {y} crossed {place} together.", "Together we are strong.")


FABLE_ANIMALS = "fox,bear,rabbit,mouse,lion,turtle,wolf,crow,squirrel,frog,hedgehog,owl,goat,donkey,cat,dog,elephant,monkey,ant,snail,deer,pig,hen,duck,goose,tiger,horse,sheep".split(",")


def journey(d, topic=None):
    t = Tale(d, topic)
    goal, gift, obstacle, helper, way = d.choice(GOALS), d.choice(["a basket of apples", "a warm scarf", "a letter", "a cake", "some fresh bread", "a pot of honey", "a bunch of flowers", "a jar of jam"]), *d.choice(OBSTACLES)
    t.set(goal=goal, gift=gift, obstacle=t.say(obstacle), helper=helper, way=t.say(way), means=d.choice(["on foot", "by bicycle", "on horseback", "on foot"]))
    t.opening()
    t.morning()
    t.join("{h} [wanted to visit|set out to visit|went to see] {his} {goal}[, who lived [behind the hills|on the other side of the forest|in the next village]|]. {He} [took|carried|had] {gift} [with {him}|in {his} bag].")
    t.add("{He} traveled {means}. [The way was long.|It was a long way.]")
    t.weather(.4)
    t.add("[But then|After an hour|Halfway there], {obstacle}. \"[What shall I do|How do I go on|What now]?\" [thought|asked] {h}.")
    t.add("[Just then|At that moment|Luckily], {helper} came [along|by]. \"[Can I help you|Do you need help|Where are you going]?\" asked {helper2}. {h} [told {him2} everything|explained it].".replace("{helper2}", "the [stranger|traveler]").replace("{him2}", "the stranger"))
    t.add("[The stranger|The traveler] {way}. \"Thank you [very much|so much]!\" said {h}.")
    t.add("[In the evening|When the sun went down|An hour later], {h} [reached|was at|came to] the house of {his} {goal}. [The table was already set.|There was light in the window.]")
    t.add("\"[I am so glad to see you|How good that you are here|Come in, come in]!\" said {his} {goal}. {h} gave {thim} {gift} and told {thim} about the journey.".replace("{thim}", "her" if goal in ("grandmother", "aunt", "sister") else "him"))
    t.fact("[Whom did {h} visit|Who did {h} want to visit]?", "{h} [visited|wanted to visit] {his} {goal}.")
    t.fact("What did {h} take with {him}?", "{h} took {gift}.")
    t.fact("How did {h} travel?", "{h} traveled {means}.")
    t.fact("What [problem did {h} meet|happened on the way]?", "{Obstacle}.")
    t.fact("Who helped {h}?", "{Helper} helped {him}.")
    return t.end("[The Long Way|A Visit to {His} {Goal}|{h} Goes on a Journey]".replace("{His} ", ""), "{h} traveled {means} to visit {his} {goal}, and {helper} helped on the way.", "[There is help on every road.|Be friendly to travelers.]")


GOALS = ["grandmother", "grandfather", "aunt", "uncle", "sister", "brother"]
OBSTACLES = [("the bridge was broken", "an old fisherman", "took {him} across the water in a boat"), ("the path was covered with snow", "a woodcutter", "cleared the path with a shovel"),
             ("{he} lost the way", "a shepherd", "showed {him} the right path"), ("a tree lay across the road", "a strong farmer", "pulled the tree away with a horse"), ("thick fog came up", "a woman with a lantern", "walked with {him} and held up the light"),
             ("it began to rain very hard", "a kind farmer", "took {him} along in a dry wagon"), ("a big dog stood in the way", "a girl with a red hat", "called the dog back"), ("{his} shoe fell apart", "a shoemaker", "mended the shoe in a few minutes")]


def honesty(d, topic=None):
    t = Tale(d, topic)
    thing = d.choice(["vase", "window", "cup", "lamp", "plate", "mirror", "clock", "pot", "picture", "bowl"])
    t.set(thing=thing, athing=a(t.v["color"] + " " + thing), how=d.choice(["was playing with a ball", "was running through the room", "was dancing", "wanted to reach a cookie", "was chasing the cat"]),
          rel=d.choice(["mother", "father", "grandmother", "grandfather", "aunt", "uncle"]))
    t.set(rhe="she" if t.v["rel"] in ("mother", "grandmother", "aunt") else "he", rhis="her" if t.v["rel"] in ("mother", "grandmother", "aunt") else "his")
    t.opening()
    t.morning()
    t.join("{h} {how}[ in the house|]. [Suddenly|Then], {he} [hit|knocked against] {athing}. [It fell and broke.|Crash! It fell down and broke.|It fell to the floor and broke.]")
    t.add("[Nobody had seen it|Nobody was there]. \"[I could say it was the cat|I could say nothing|Nobody will know],\" thought {h}.")
    t.add("But {he} [felt bad|had a heavy heart|could not eat]. {f} said, \"[Tell the truth|It is better to tell the truth|You should say what happened]. [You will feel better|It will be all right].\"")
    t.add("So {h} went to {his} {rel}. \"I [broke|have broken] the {thing}. [I am sorry|I am very sorry],\" {he} said.")
    t.add("{His} {rel} [looked at {him}|was silent for a moment|put down {rhis} book]. \"[I am a little sad about the {thing}|It was only a {thing}], but I am glad that you told the truth,\" {rhe} said.".replace("only a {thing}", "only " + a(thing)))
    t.add("[Together they picked up the pieces.|Together they cleaned the floor.|They glued it together, and it looked almost like new.] {h} [felt light again|felt much better|was glad].")
    t.fact("What did {h} break?", "{h} broke {athing}.")
    t.fact("What color was the {thing}?", "The {thing} was {color}.")
    t.fact("Who told {h} to tell the truth?", "{f} told {h} to tell the truth.")
    t.fact("How did it break?", "It broke when {h} {how}.")
    t.fact("To whom did {h} tell the truth?", "{h} told {his} {rel} the truth.")
    return t.end("[The Broken {Thing}|{h} Tells the Truth]", "{h} broke {athing} and told {his} {rel} the truth.", "[It is best to tell the truth.|Honesty makes the heart light.]")


def treasure(d, topic=None):
    t = Tale(d, topic)
    t.set(find=d.choice(["an old map", "a strange letter", "a small key", "a piece of paper with a drawing"]), where=d.choice(["in the attic", "in an old book", "under a stone", "in a bottle on the beach", "behind a picture"]),
          clue=d.choice(["under the oldest tree", "behind the waterfall", "in the cave by the sea", "under the bridge", "next to the old well", "at the top of the tower"]),
          inside=d.choice(["old photographs", "gold coins", "a silver ring and a letter", "toys from long ago", "a music box", "a book of stories", "seeds of rare flowers"]))
    t.opening()
    t.morning()
    t.join("{h} found {find} {where}. [It was very old.|On it was a cross.|{He} could not believe {his} eyes.]".replace("On it was a cross.|", ""))
    t.add("{He} showed it to {f}. \"[This must be a secret|Look at this|I think it leads to a treasure]!\" {he} said. \"[Let us follow it|Let us go and see|We must find out],\" said {f}.")
    t.add("They [took a lantern and a shovel|packed some food and a rope|put on their boots] and [went off|walked for a long time|left at once].")
    t.weather(.3)
    t.snack(.3)
    t.add("[After a long search|At last|In the afternoon], they [came to the right place|found the place]. {Clue}, there was a [wooden|small|heavy|dusty] box.")
    t.add("{h} opened it [slowly|with shaking hands|carefully]. Inside [there were|they found] {inside}.".replace("there were", "they saw"))
    t.add("[They were not rich now, but they were happy.|\"This is better than gold,\" said {f}.|They took it to the museum, and everyone wanted to see it.|They shared it fairly.]".replace("This is better than gold", "What a wonderful find" if "gold" in t.v["inside"] else "This is better than gold"))
    t.closing(.6)
    t.fact("What did {h} find first?", "{h} found {find}.")
    t.fact("Where [was the box|did they find the box]?", "The box was {clue}.")
    t.fact("What was [in|inside] the box?", "[Inside the box|In the box] they found {inside}.")
    t.fact("Who went with {h}?", "{f} went with {h}.")
    t.fact("Where did {h} find {find}?", "{h} found {find} {where}.")
    return t.end("[The Secret Box|{h} and the Treasure|The Old Box]", "{h} and {f} followed {find} and found a box with {inside}.", "[A shared adventure is a treasure.|Be curious.]")


def skill(d, topic=None):
    t = Tale(d, topic)
    what, first, later = d.choice(SKILLS)
    t.set(what=what, first=first, later=later, n=d.choice(["three", "five", "ten", "twenty"]), rel=d.choice(["sister", "brother", "father", "mother", "grandfather", "teacher"]))
    t.opening()
    t.add("{h} wanted to learn [how to|to] {what}.")
    t.add("[On the first day|At first|On {day}], {he} {first}. \"[I will never learn it|I can not do this|It is too hard],\" {he} said[ and sat down on the ground|].".replace("can not", "cannot"))
    t.add("[{His} {rel}|{f}] [smiled|shook {xhis} head]. \"[I could not do it at first either|Nobody can do it on the first day|Every master was once a beginner]. [Try once more|Try again tomorrow|Practice a little every day].\"".replace("[smiled|shook {xhis} head]", "smiled and said,").replace("said,. ", "said, "))
    t.add("So {h} practiced [every day|after school|each morning]. [Sometimes it went well, and sometimes it did not.|{He} made many mistakes, but {he} learned from them.]")
    t.add("After {n} days, {he} {later}. \"[Look|Look at me|See]! I can do it!\" {he} [cried|shouted|called].")
    t.add("{f} clapped. \"[You did it|I knew you could do it|That was great],\" {fhe} said. {h} was [very proud|proud and happy].")
    t.fact("What did {h} want to learn?", "{h} wanted to learn to {what}.")
    t.fact("How many days did {h} practice?", "{h} practiced for {n} days.")
    t.fact("What happened at first?", "At first, {h} {first}.")
    t.fact("How did {h} feel at the end?", "{h} was proud.")
    return t.end("[{h} Learns Something New|Try Again, {h}!|Practice]", "{h} practiced for {n} days and learned to {what}.", "[Practice makes perfect.|Do not give up when something is hard.]")


SKILLS = [("swim", "swallowed a lot of water", "swam across the pool"), ("ride a bicycle", "fell down again and again", "rode around the whole park"), ("play the piano", "hit all the wrong keys", "played a whole song"),
          ("bake bread", "burned the bread", "baked a perfect loaf"), ("skate", "could not stand on the ice", "made a circle on the ice"), ("whistle", "made no sound at all", "whistled a short song"),
          ("juggle", "dropped every ball", "kept three balls in the air"), ("draw a horse", "drew something that looked like a potato", "drew a beautiful horse"), ("read a clock", "mixed up the hands", "told everyone the time"),
          ("tie shoes", "made a big knot", "tied both shoes without help"), ("catch a fish", "caught only an old boot", "caught a big silver fish"), ("play chess", "lost every game", "won a game for the first time"), ("speak in front of people", "forgot all the words", "gave a short speech")]


def night_sound(d, topic=None):
    t = Tale(d, topic)
    sound, source, reason = d.choice(SOUNDS)
    t.set(sound=sound, source=source, asource=source, reason=reason, guess=d.choice(["a ghost", "a thief", "a monster", "a giant", "a wolf"]))
    t.opening()
    t.add("One night, {h} could not sleep. [Outside, it was dark.|The moon was behind the clouds.|The house was quiet.] [Then|Suddenly] {he} heard a {sound}.")
    t.add("\"[What is that|What was that]?\" {he} [whispered|asked]. \"[Is it {guess}|Maybe it is {guess}]{qm}\"".replace("{qm}", "?\" {He} pulled the blanket over {his} head.").replace("head.\"", "head.").replace("Maybe it is {guess}", "Could it be {guess}"))
    t.add("The sound came again. {h} [got up|took a lamp] and woke {his} [sister|brother] {f}. Together they [went down the stairs|walked through the dark house|looked for the sound].".replace("[sister|brother]", "sister" if t.v["fhe"] == "she" else "brother"))
    t.add("{f} held {his} hand. Slowly they [opened the door|looked out of the window|went into the kitchen|went closer].")
    t.add("And what did they see? It was [only|just] {source} that {reason}!")
    t.add("[They laughed and laughed|Both began to laugh|{h} had to laugh]. \"[So that is {guess2}|We were afraid of that]!\" said {f}.".replace("[So that is {guess2}|We were afraid of that]", "So that is our " + t.v["guess"].split(" ", 1)[1]))
    t.add("Then they went back to bed and [slept until morning|slept well|soon fell asleep].")
    t.fact("What did {h} hear?", "{h} heard a {sound}.")
    t.fact("What [was the sound|made the sound]?", "It was {source} that {reason}.")
    t.fact("Who went with {h}?", "{f} went with {h}.")
    t.fact("What did {h} think it was?", "{h} thought it was {guess}.")
    return t.end("[The Sound in the Night|What Was That?]", "{h} heard a {sound} at night, but it was only {source} that {reason}.", "[Look before you fear.|Many scary things are harmless.]")


SOUNDS = [("scratching sound", "a cat", "wanted to come in"), ("knocking sound", "a branch", "hit the window in the wind"), ("strange song", "an owl", "sat on the roof"), ("soft squeak", "a mouse", "had found the cheese"),
          ("rolling sound", "a hedgehog", "played with an apple"), ("loud bang", "the garden gate", "was open in the wind"), ("dripping sound", "the old tap", "was not closed well"), ("humming sound", "the fridge", "was very old"), ("rustling sound", "a hen", "had lost its way")]


def surprise(d, topic=None):
    t = Tale(d, topic)
    t.set(age=number(d.int(5, 12)), gift=a(t.v["color"] + " " + d.choice(L.TOYS + ["bicycle", "book", "coat", "scarf", "hat", "guitar"])), cake=d.choice(["chocolate", "cherry", "strawberry", "lemon", "honey", "carrot"]))
    t.opening()
    t.add("Today {he} [turned|was] {age}. But [nobody said anything|at breakfast nobody said a word about it]. \"[Did everyone forget my birthday|Does nobody remember]?\" {h} thought[ sadly|].".replace("was] {age}.", "became] {age} years old.").replace("[turned|became] {age} years old.", "turned {age}."))
    t.add("{He} went to {f}. But {f} said, \"[I have no time today|I am busy today]. [Please come later|Come back in the afternoon].\" {h} was [sad|very sad].")
    t.add("{He} walked alone {place} [for an hour|for a long time]. [The sky was gray.|Even the birds were quiet.]")
    t.add("In the [afternoon|evening], {he} came home. [The house was dark.|It was very quiet.] {He} opened the door, and [suddenly|then] all the lights went on. \"[Surprise|Happy birthday]!\" [shouted everyone|everyone called].")
    t.add("There was a big {cake} cake, and {f} was there, too. \"[We did not forget|I was baking the cake, that is why I had no time],\" {fhe} said [with a smile|and laughed].")
    t.add("{f} gave {him} {gift}. {h} was [so happy that {he} cried a little|the happiest {child} in town|very happy].")
    t.fact("How old was {h}?", "{h} was {age} years old.")
    t.fact("What kind of cake was there?", "There was a {cake} cake.")
    t.fact("What did {f} give {h}?", "{f} gave {h} {gift}.")
    t.fact("Why was {h} sad at first?", "{h} was sad because {he} thought that everyone had forgotten {his} birthday.")
    return t.end("[The Surprise|{h}'s Birthday|A Happy Birthday]", "{h} thought that everyone had forgotten {his} birthday, but there was a surprise party.", "Good friends do not forget you.")


def market(d, topic=None):
    t = Tale(d, topic)
    buys = d.sample([p[1] for p in L.PRODUCE if p[0] not in ("pea", "bean")], 2)
    n1, n2 = d.int(2, 9), d.int(2, 9)
    price = d.int(2, 9)
    t.set(b1=buys[0], b2=buys[1], n1=number(n1), n2=number(n2), price=number(price), money=number(price + d.int(1, 8)), seller=d.choice(["an old woman", "a friendly man", "a young farmer", "a woman with a green hat"]), rel=d.choice(["mother", "father", "grandmother"]))
    left = [k for k in range(1, 10) if number(price + k) == t.v["money"]][0]
    t.set(left=number(left), coins="coin" if left == 1 else "coins")
    t.opening()
    t.morning()
    t.set(rhe="he" if t.v["rel"] == "father" else "she")
    t.join("{his} {rel} sent {him} to the market. \"Please buy {n1} {b1} and {n2} {b2},\" {rhe} said and gave {him} {money} coins.")
    t.add("The market was [full of people|loud and colorful|busy]. [There were baskets of fruit, bread and flowers everywhere.|It smelled of fresh bread.|People talked and laughed.]")
    t.add("{h} went to {seller}. \"[Good morning|Hello]! I would like {n1} {b1} and {n2} {b2}, please,\" {he} said.")
    t.add("\"That is {price} coins,\" said {sellershort}. {h} [counted the money|counted the coins] and paid. {He} had {left} {coins} left.".replace("{sellershort}", "the seller"))
    t.add("On the way home, {he} met {f}. {f} [helped {him} carry the bag|carried half of the things], because it was heavy.")
    t.add("At home, {his} {rel} [looked into the bag|counted everything]. \"[Everything is right|Well done|Very good],\" {rhe} said, and {h} [got|was given] [an apple|a cookie|a hug].")
    t.fact("What did {h} buy?", "{h} bought {n1} {b1} and {n2} {b2}.")
    t.fact("How much did it cost?", "It cost {price} coins.")
    t.fact("How many coins did {h} have left?", "{h} had {left} {coins} left.")
    t.fact("How many {b1} did {h} buy?", "{h} bought {n1} {b1}.")
    t.fact("Who helped {h} carry the bag?", "{f} helped {him}.")
    t.fact("How many coins did {h} get?", "{h} got {money} coins.")
    return t.end("[At the Market|{h} Goes to the Market]", "{h} went to the market and bought {n1} {b1} and {n2} {b2}.", "")


def changed_plan(d, topic=None):
    t = Tale(d, topic)
    plan, stop, instead = d.choice(PLANS)
    t.set(plan=plan, stop=stop, instead=instead)
    t.opening()
    t.morning()
    t.join("{h} and {f} wanted to {plan}. They had [waited for this day all week|packed everything the night before|talked about it for days].")
    t.add("But {stop}. \"[Now we cannot go|Our day is ruined|That is not fair]!\" said {h}. {He} was [angry|very sad|close to tears].")
    t.add("{f} [thought for a while|looked around|was sad, too, but then {fhe} smiled]. \"[I have an idea|Let us do something else|We can still have fun]. We can {instead}!\"")
    t.add("[At first, {h} did not want to.|{h} was not sure.|{h} looked up.] [But then|After a minute], {he} [began to smile|said yes|tried it].")
    t.add("They [had so much fun|laughed so much|enjoyed it so much] that they forgot [the time|their first plan|everything else].")
    t.add("In the evening, {h} said, \"[This was better than our plan|I am glad that we stayed together|That was a great idea, {f}].\"")
    t.fact("What did {h} and {f} want to do?", "They wanted to {plan}.")
    t.fact("Why [could they not do it|did they change their plan]?", "[They could not do it|They changed their plan] because {stop}.")
    t.fact("What did they do instead?", "They decided to {instead}.")
    t.fact("Who had the idea?", "{f} had the idea.")
    return t.end("[A New Plan|Plans Can Change]", "{h} and {f} could not {plan} because {stop}, but they had fun anyway.", "[A good day needs a good friend more than a good plan.|When one plan fails, make another.]")


PLANS = [("have a picnic", "it began to rain", "have a picnic on the kitchen floor"), ("go to the beach", "the bus did not come", "build a little beach in the sandbox"), ("fly a kite", "there was no wind", "paint the kite in bright colors"),
         ("go skating", "the ice was too thin", "make hot chocolate and tell stories"), ("visit the zoo", "the zoo was closed", "play zoo and act like animals"), ("play football", "the ball had a hole", "race each other around the house"),
         ("watch the stars", "clouds covered the sky", "make stars out of paper"), ("go to the movies", "the tickets were sold out", "make a play with puppets"), ("climb the hill", "a storm was coming", "build a mountain out of pillows"), ("go swimming", "the pool had no water", "run through the garden hose")]


def day_at(d, topic=None):
    t = Tale(d, topic)
    seen = d.sample(t.things, 3)
    t.set(s1=seen[0], s2=seen[1], s3=seen[2], drink=d.choice(L.DRINKS[:9]))
    t.opening()
    t.morning()
    t.join("{h} [went out with|spent the day with|was out with] {f}. They [were|spent the whole morning] {place}.")
    t.weather(.6)
    t.add("They saw {s1}, {s2} and {s3}. \"[Look at that|How beautiful|I like it here]!\" said {h}.")
    t.add("{f} [wanted to stay forever|liked {s2} best|took a picture of {s1}|drew a picture of {s3}].")
    liked = t.text[-1]
    t.add("[At noon|Around noon|Later], they [were hungry|got hungry]. They ate {food} and drank {drink}.")
    t.add("In the afternoon, they [rested|played a game|walked around|told each other stories]. [Time went by very fast.|The hours flew by.]")
    t.add("When the sun went down, they [went home|said goodbye|walked home slowly]. [They were tired, but happy.|\"Let us come back soon,\" said {f}.]")
    t.closing(.4)
    t.fact("Where were {h} and {f}?", "They were {place}.")
    t.fact("What did they see?", "They saw {s1}, {s2} and {s3}.")
    t.fact("What did they eat?", "They ate {food}.")
    t.fact("What did they drink?", "They drank {drink}.")
    if "liked" in liked:
        t.fact("What did {f} like best?", "{f} liked {s2} best.")
    return t.end("[A Day {Prep}|{h} and {f} {Prep}]".replace("{Prep}", t.v["place"].title().replace("The", "the").replace("In ", "in ").replace("At ", "at ").replace("By ", "by ").replace("On ", "on ")), "{h} and {f} spent a day {place}.", "")


def job_story(d, topic=None):
    t = Tale(d, topic)
    job = d.choice(L.JOBS)
    problem, fix = d.choice(JOB_TROUBLES)
    t.set(job=job[0], ajob=a(job[0]), does=job[2], problem=problem, fix=fix)
    t.add("{h} was {ajob}[ in a small town| in a big city| in a village by the sea|]. {A} {job} {does}, and {h} loved the work.".replace("{A} {job}", capital(a(job[0]))))
    t.add("[Every day|Each morning], {he} got up at [five|six|seven] o'clock, [drank a cup of tea|ate some bread|fed the cat] and went to work.")
    t.morning()
    t.join("{problem}. \"[This is a real problem|I have never seen that before|What can I do],\" said {h}.".replace("What can I do],", "That is not good],"))
    t.add("{He} asked [the other people in town|everyone], but nobody knew what to do. Only {f}, [the youngest child in the street|a little {fchild}|a {fchild} from next door], had an idea. \"[Why do you not try something new|Perhaps I can help],\" {fhe} said.".replace("Why do you not try something new|", ""))
    t.add("Together they {fix}. [It worked!|And it worked.|It took an hour, but it worked.]")
    t.add("\"[You are small, but you are very clever|Good ideas do not depend on age],\" said {h}. [After that|From then on], {f} visited {him} every [{day}|week|Sunday].")
    t.fact("What was {h}'s job?", "{h} was {ajob}.")
    t.fact("What was the problem?", "The problem was that {problem}.")
    t.fact("Who had an idea?", "{f} had an idea.")
    t.fact("What did they do?", "They {fix}.")
    return t.end("[The {Job}|{h} the {Job}|A Clever Idea]", "{h} was {ajob}. One day {problem}, and {f} helped with a clever idea.", "Even small people can have big ideas.")


JOB_TROUBLES = [("the key did not fit into the lock", "put a little oil on the key"), ("all the lights went out", "lit candles and lanterns"), ("the phone did not stop ringing", "wrote a list and answered one call after another"),
                ("the clock stood still", "cleaned the little wheels of the clock"), ("the door was stuck", "pushed the door from below with a strong board"), ("a bird flew into the room and would not leave", "opened all the windows and put seeds outside"),
                ("the roof let the rain in", "put a new board over the hole"), ("the cart lost a wheel", "fixed the wheel with a new nail"), ("there was no water", "dug out the old well behind the house")]


PLOTS = [lost_thing, sharing, fear, rescue, making, quarrel, contest, growing, fable, fable, journey, honesty, treasure, skill, night_sound, surprise, market, changed_plan, day_at, job_story]


def story(d, plot=None, topic=None):
    return (plot or d.choice(PLOTS))(d, topic)


def paragraphs(d, t):
    """The tale as text: one paragraph, or a few."""
    if d.chance(.55):
        return " ".join(t.text)
    out, i = [], 0
    while i < len(t.text):
        n = d.int(2, 4)
        out.append(" ".join(t.text[i:i + n]))
        i += n
    return "\n\n".join(out)
