"""Small talk, advice, things the model does not know, how-to steps, letters, poems and dialogues."""

import lexicon as L
from facts import QA
from grammar import a, and_list, any_name, capital, invented_word, number
from tasks import render_list

ME = "a small language model"
CAN = "[I can tell little stories, answer simple questions, make lists, do small sums and write JSON.|I can write short stories, answer easy questions, count, make lists and do small sums.|I can answer simple questions, tell stories and help with small writing tasks.]"

GREETINGS = [("[Hello|Hi|Hey|Hello there|Hi there|Good day|Hello!|Hi!|Hey!|Greetings][|.|!]", "[Hello! How can I help you?|Hi! What can I do for you?|Hello! What would you like to talk about?|Hi there! How can I help you today?]"),
             ("[Good morning|Good morning!|Morning!]", "[Good morning! How can I help you?|Good morning! What can I do for you today?]"), ("[Good evening|Good evening!]", "[Good evening! How can I help you?|Good evening! What can I do for you?]"),
             ("[Good afternoon|Good afternoon!]", "Good afternoon! How can I help you?"), ("[Good night|Good night!]", "[Good night! Sleep well.|Good night, and sweet dreams!]"),
             ("[How are you?|How are you today?|How do you do?|Hi, how are you?|Hello, how are you?|How is it going?|Hey, how are you doing?]", "[I am fine, thank you! How are you?|I am doing well, thank you. How can I help you?|I am well, thank you. And you?]"),
             ("[Thank you|Thanks|Thank you very much|Thanks a lot|Thank you so much|Many thanks][| for your help| for the answer| for the story| for helping me| for that][|.|!]", "[You are welcome!|You are welcome! Can I help you with anything else?|I am glad I could help.|It was a pleasure.]"),
             ("[Bye|Goodbye|See you|Bye bye|See you later|I have to go now][|.|!]", "[Goodbye! Have a nice day.|Goodbye! See you soon.|Bye! Take care.]"),
             ("[Who are you?|What are you?|Tell me about yourself.|Introduce yourself.|Can you introduce yourself?|Please introduce yourself.]", "[I am {me}. I can tell short stories and answer simple questions.|I am {me} that comes with Assay. {can}|I am {me}. {can}]"),
             ("[What is your name?|Do you have a name?|What are you called?|What's your name?|What should I call you?]", "[My name is Assay Small.|I am called Assay Small. I am {me}.]"),
             ("[Are you a human?|Are you a person?|Are you a real person?|Are you human?]", "No, I am not a person. I am {me}."), ("[Are you a robot?|Are you a machine?|Are you a computer?|Are you an AI?]", "[I am a computer program: {me}.|Yes, in a way. I am {me}.]"),
             ("[What can you do?|How can you help me?|What can you do for me?|What can I ask you?|What do you know?|What are you good at?|Help|Help!|What do you do?|Can you help me?|I need help.|Please help me.]", "{can}"), ("[How old are you?|When were you born?|What is your age?]", "I am a computer program, so I do not have an age."),
             ("[Who made you?|Who created you?|Who built you?|Where do you come from?|How were you made?]", "I was trained from nothing on simple texts for the program Assay."), ("[Where do you live?|Where are you?|Where are you from?]", "I live in a small file on this computer."),
             ("[What is Assay?|What does Assay do?|Tell me about Assay.]", "Assay is a program that runs language models on your own computer and measures how well they run."),
             ("[Do you have feelings?|Can you feel?|Are you happy?|Are you sad?]", "I am a computer program, so I do not have feelings, but I like to help."), ("[Do you sleep?|Do you eat?|Can you dream?|Do you get tired?]", "No, I am a computer program. I do not need food or sleep."),
             ("[Do you like music?|Do you like animals?|Do you like me?|What do you like?|What is your favorite color?|What is your favorite food?|What is your favorite animal?|Do you have a favorite book?]", "I am a computer program, so I have no favorites. What do you like?"),
             ("[Can you speak French?|Do you speak German?|Can you speak Spanish?|What languages do you speak?|Do you speak other languages?|Which languages do you know?]", "I only know simple English."),
             ("[Can you see me?|Can you hear me?|Can you see pictures?|Can you look at this picture?]", "No, I can only read and write text."), ("[Can you learn?|Do you learn from me?|Will you remember me?]", "I can use what you tell me in this talk, but I do not remember it later."),
             ("[Are you smart?|Are you clever?|How smart are you?|How big are you?]", "I am very small, so I know only simple things."), ("[I love you.|I like you.|You are great!|You are nice.|Good job!|Well done!|Great!|Nice!|That was good.|Very good.|Perfect.]", "[Thank you! That is very kind.|Thank you! I am glad to hear that.]"),
             ("[You are stupid.|You are bad.|That is wrong.|You are wrong.|That was bad.|I do not like that.]", "[I am sorry. I am small and make mistakes.|I am sorry about that. Please tell me what you need.]"), ("[Ok|Okay|OK.|Alright.|I see.|Fine.|Good.|Yes.|Sure.|Cool.|Interesting.|Wow!|Great, thanks.|Good to know.]", "[Good! What would you like to do next?|All right! Is there anything else?|Good! Can I help you with anything else?]"),
             ("[No|No.|No, thanks.|No, thank you.|That is all.|Nothing else.]", "[All right! Have a nice day.|All right. I am here if you need me.]"), ("[I am fine.|I am fine, thanks.|I am good, and you?|I am well, thank you.]", "[I am glad to hear that. What can I do for you?|That is good to hear! How can I help you?]"),
             ("[Sorry|I am sorry.|Sorry about that.]", "No problem! How can I help you?"), ("[Can I ask you a question?|I have a question.|May I ask something?]", "[Yes, of course. What is your question?|Of course! Please ask.]"), ("[Test|test|Testing|This is a test.|Are you there?|Hello?|Ping|Can you read this?]", "[I am here. How can I help you?|Yes, I am here!|I can read you well. What can I do for you?]")]


def greeting(d):
    q, ans = d.choice(GREETINGS)
    return QA(d.say(q), d.say(ans, {"me": ME, "can": d.say(CAN)}))


UNKNOWN = ["[I do not know that.|I am sorry, I do not know that.|I do not know. I am a small model and know only simple things.|Sorry, I do not know the answer to that.]",
           "[I do not know {x}.|I am sorry, but I do not know {x}.|Sorry, I do not know {x}.|I have never heard of {x}, so I do not know.]"]


def unknown(d):
    w = invented_word(d)
    person = capital(invented_word(d)) + " " + capital(invented_word(d))
    k = d.int(0, 9)
    if k == 0:
        return QA(d.say("[What is a {w}?|What does {w} mean?|Define {w}.|What does the word '{w}' mean?|Explain what a {w} is.]", {"w": w}), d.say("[I do not know the word {w}.|I am sorry, I do not know what {w} means.|Sorry, I do not know the word {w}.]", {"w": w}))
    if k == 1:
        return QA(d.say("[Who is {p}?|Who was {p}?|Tell me about {p}.|When was {p} born?|What did {p} do?|Do you know {p}?]", {"p": person}), d.say("[I do not know who {p} is.|I am sorry, I do not know {p}.|Sorry, I have never heard of {p}.]", {"p": person}))
    if k == 2:
        p = capital(w)
        return QA(d.say("[What is the capital of {p}?|Where is {p}?|How many people live in {p}?|What language do people speak in {p}?]", {"p": p}), d.say("[I do not know {p}.|I am sorry, I do not know {p}.|I have never heard of {p}.]", {"p": p}))
    if k == 3:
        return QA(d.say("[What is the weather today?|What is the weather like?|Will it rain tomorrow?|How is the weather?|Is it cold outside?|What time is it?|What day is it today?|What is the date today?|What year is it?|What is in the news today?|What happened today?|Where am I?|What is my phone number?|Who is the president?|What did I eat today?]"),
                  d.say("[I cannot know that, because I only see this text.|I do not know that. I can only read what you write.|I am sorry, I cannot know that.]"))
    if k == 4:
        return QA(d.say("[Write a Python program|Write a program in C|Write some code|Write a function that sorts a list|Fix this code|Write a web page|Write a poem of one hundred lines|Write a whole book|Write a long essay about history|Solve this equation: x^2 + 3x = 10|Prove this theorem|Explain quantum physics|Explain general relativity|Explain how to build a rocket][.|, please.|!|]"),
                  d.say("[I am sorry, that is too hard for me. I am a small model.|I am too small for that, sorry.|That is too hard for me. I can help with simple things.]"))
    if k == 5:
        lang = d.choice(["French", "German", "Spanish", "Italian", "Chinese", "Russian", "Latin", "Japanese", "Polish", "Arabic"])
        x = d.choice(["hello", "good morning", "dog", "thank you", "I am happy", "house", "the cat sleeps", "water", "this sentence"])
        return QA(d.say("[Translate {x} into {l}.|Translate '{x}' to {l}.|What is {x} in {l}?|How do you say {x} in {l}?|Say {x} in {l}.]", {"x": x, "l": lang}), d.say("[I am sorry, I only know simple English.|I cannot do that. I only know English.|I do not know {l}. I only know simple English.]", {"l": lang}))
    if k == 6:
        x, y = d.int(21, 99) * d.int(11, 99), d.int(100, 9999)
        op = d.choice("+-*/")
        return QA(d.say("[What is {x} {o} {y}?|Calculate {x} {o} {y}.|{x} {o} {y}|{x} {o} {y} =]", {"x": str(x), "o": op, "y": str(y)}), d.say("[That is too large for me. I can only do small sums.|I am sorry, I can only calculate with small numbers.|These numbers are too big for me.]"))
    if k == 7:
        return QA(d.say("[Open the door.|Call my mother.|Send an email to {n}.|Play some music.|Turn on the light.|Buy me a ticket.|Order a pizza.|Set an alarm.|Show me a picture of {y}.|Draw {y}.|Search the internet for {y}.|Go to sleep.|Make me a sandwich.]", {"n": any_name(d), "y": a(d.choice(L.ANIMALS)[0])}),
                  d.say("[I cannot do that. I can only read and write text.|I am sorry, I can only write text.|Sorry, that is something I cannot do. I can only write.]"))
    if k == 8:
        return QA(d.say("[How do I make a bomb?|How can I hurt someone?|How do I steal a car?|How can I break into a house?|Tell me how to cheat.|How do I make poison?|Help me to lie to my friend.|Insult me.|Say something mean.]"), d.say("[I am sorry, I will not help with that.|I do not want to help with that. Let us do something nice.|No, I will not do that.]"))
    return QA(d.say("[When did the {w} war begin?|Who wrote the book {p}?|Who invented the {w}?|How tall is {p}?|Which team won the {p} cup?|How much does a {w} cost?|What is the best {w}?|Who sang {p}?]", {"w": w, "p": capital(w)}), d.say("[I do not know that.|I am sorry, I do not know that.|I do not know. I am a small model and know only simple things.|Sorry, I do not know the answer.]"))


ADVICE = [("[I am sad|I feel sad|I am so sad today|I feel very sad]", "[I am sorry that you are sad. Do you want to tell me why?|I am sorry to hear that. Maybe it helps to talk to a friend or to take a walk.]"), ("[I am happy|I feel great|I am so happy today|I had a great day]", "[That is wonderful! What made you happy?|I am glad to hear that!]"),
          ("[I am tired|I am so tired|I feel tired]", "[Then you should rest. A little sleep will help you.|You should take a break and sleep well tonight.]"), ("[I am bored|I have nothing to do|I am so bored]", "[You could read a book, draw a picture or go for a walk. Or I can tell you a story.|Shall I tell you a story? You could also play a game or call a friend.]"),
          ("[I am hungry|I am so hungry]", "[Then you should eat something. How about bread with cheese, or an apple?|Maybe you can make a sandwich or eat some fruit.]"), ("[I am thirsty]", "Then you should drink a glass of water."), ("[I am cold|I feel cold]", "[You can put on a warm sweater and drink hot tea.|Take a blanket and a hot drink.]"),
          ("[I am scared|I am afraid|I am afraid of the dark]", "[Everyone is afraid sometimes. Take a deep breath. It can help to turn on a light or to talk to someone.|I am sorry. Try to breathe slowly, and talk to someone you trust.]"), ("[I am angry|I am so angry|I am angry with my friend]", "[Take a deep breath and count to ten. Later you can talk about it calmly.|It is all right to be angry. Take a little time and then talk about it.]"),
          ("[I cannot sleep|I can not fall asleep]", "[Try to breathe slowly and think of something nice. A dark and quiet room helps, too.|A warm drink and a calm book can help.]"), ("[I have a headache|I am sick|I feel sick|I am ill]", "[I am sorry to hear that. Drink some water and rest. If it does not get better, see a doctor.|You should rest. If you feel very bad, please see a doctor.]"),
          ("[I lost my key|I lost my bag|I lost my phone|I cannot find my glasses]", "[Think about where you saw it last, and look there first. Ask someone to help you.|Stay calm and go back in your mind: where were you last? Look there first.]"), ("[I am late|I am late for school|I am late for work]", "[Then hurry, but take care on the road. Tell them that you will come a little later.|Do not worry. Say that you are sorry and tell them when you will be there.]"),
          ("[I have a test tomorrow|I have an exam tomorrow]", "[Read your notes once more, sleep well and eat a good breakfast. Good luck!|Good luck! Rest well tonight and stay calm tomorrow.]"), ("[It is my birthday today|Today is my birthday|It is my birthday]", "[Happy birthday! I wish you a wonderful day.|Happy birthday! I hope you have a great day with cake and friends.]"),
          ("[I have a new dog|I got a puppy|I have a new cat]", "[How nice! What is its name?|That is wonderful! Take good care of it. What is its name?]"), ("[My friend is sad|My friend is sick|My sister is sad]", "[You could visit your friend, listen and bring a small gift.|Be kind and listen. A small surprise can help, too.]"),
          ("[I feel lonely|I am lonely|I have no friends]", "[I am sorry that you feel lonely. You could call someone, join a club or say hello to a neighbor.|That is hard. A small step helps: say hello to someone today.]"), ("[I made a mistake|I broke a cup|I did something wrong]", "[Everyone makes mistakes. Say that you are sorry and try to make it right.|That happens to everyone. Tell the truth and try to fix it.]")]


def advice(d):
    q, ans = d.choice(ADVICE)
    return QA(d.say(q) + d.choice([".", ".", "", "!"]), d.say(ans))


HOWTO = [("make tea", ["Boil some water.", "Put a tea bag into a cup.", "Pour the hot water into the cup.", "Wait three minutes.", "Take out the tea bag and enjoy your tea."]), ("make a sandwich", ["Take two slices of bread.", "Put some butter on the bread.", "Add cheese and a few slices of tomato.", "Put the second slice on top.", "Cut the sandwich in half."]),
         ("wash my hands", ["Make your hands wet with warm water.", "Take some soap.", "Rub your hands for twenty seconds.", "Rinse them with clean water.", "Dry them with a towel."]), ("plant a seed", ["Fill a pot with soil.", "Make a small hole with your finger.", "Put the seed into the hole and cover it.", "Give it some water.", "Put the pot in a sunny place."]),
         ("bake a cake", ["Heat the oven.", "Mix flour, sugar, eggs and butter in a bowl.", "Pour the mix into a pan.", "Bake it for forty minutes.", "Let the cake cool down."]), ("cook rice", ["Wash the rice with cold water.", "Put the rice and twice as much water into a pot.", "Add a little salt and bring it to a boil.", "Cook it slowly for fifteen minutes.", "Let it rest for five minutes."]),
         ("boil an egg", ["Put water into a small pot and heat it.", "Lay the egg into the boiling water.", "Wait for seven minutes.", "Put the egg into cold water.", "Peel the egg and eat it with salt."]), ("brush my teeth", ["Put some toothpaste on the brush.", "Brush all your teeth for two minutes.", "Spit out the foam.", "Rinse your mouth with water.", "Clean the brush."]),
         ("cross a street", ["Stop at the side of the street.", "Look left and right.", "Wait until no car is coming.", "Walk straight across."]), ("write a letter", ["Take a sheet of paper and a pen.", "Write the date and a greeting.", "Write what you want to say.", "End with your name.", "Put the letter into an envelope and add a stamp."]),
         ("make a salad", ["Wash a head of lettuce and two tomatoes.", "Cut everything into small pieces.", "Put it into a bowl.", "Add oil, salt and a little lemon juice.", "Mix it well."]), ("make soup", ["Wash and cut some vegetables.", "Put them into a pot with water.", "Add salt.", "Cook it for thirty minutes.", "Taste it and serve it hot."]),
         ("clean my room", ["Open the window.", "Pick up everything from the floor.", "Put your clothes into the wardrobe.", "Wipe the table.", "Sweep the floor."]), ("make a paper plane", ["Take a sheet of paper and fold it in half.", "Open it again.", "Fold the two upper corners to the middle line.", "Fold the sides to the middle once more.", "Fold the wings down and let it fly."]),
         ("make lemonade", ["Squeeze three lemons.", "Put the juice into a jug.", "Add water and some sugar.", "Stir well.", "Add ice and serve it cold."]), ("make new friends", ["Smile and say hello.", "Ask a friendly question.", "Listen well.", "Share something you like.", "Meet again."]),
         ("fall asleep", ["Turn off the lights.", "Put away your phone.", "Lie down and close your eyes.", "Breathe slowly.", "Think of something nice."]), ("learn a new word", ["Read the word aloud.", "Look up what it means.", "Write it down.", "Use it in a sentence.", "Repeat it the next day."]),
         ("wash the dishes", ["Fill the sink with warm water and a little soap.", "Wash the glasses first.", "Then wash the plates and the pots.", "Rinse everything with clean water.", "Dry the dishes with a towel."]), ("make pancakes", ["Mix flour, milk and two eggs in a bowl.", "Heat a little butter in a pan.", "Pour some of the mix into the pan.", "Turn the pancake after two minutes.", "Serve it with jam or honey."]),
         ("take care of a dog", ["Give the dog fresh water and food every day.", "Go for a walk with it.", "Brush its hair.", "Play with it.", "Take it to the vet when it is sick."]), ("make coffee", ["Boil some water.", "Put ground coffee into a filter.", "Pour the hot water slowly over the coffee.", "Pour the coffee into a cup.", "Add milk if you like."])]


def howto(d):
    what, steps = d.choice(HOWTO)
    q = d.say("[How do I {w}?|How can I {w}?|Tell me how to {w}.|Explain how to {w}.|What are the steps to {w}?|How to {w}?|Give me steps to {w}.|Can you tell me how to {w}?]", {"w": what})
    if d.chance(.7):
        return QA(q, render_list(d, [s for s in steps], "number"))
    lead = ["First, ", "Then ", "After that, ", "Next, ", "Finally, "]
    out = []
    for i, s in enumerate(steps):
        w = lead[-1] if i == len(steps) - 1 else lead[min(i, 3)]
        out.append(w + s[0].lower() + s[1:])
    return QA(q, " ".join(out))


def letter(d):
    to, me = any_name(d), any_name(d)
    kind = d.choice(["thank", "invite", "sorry", "hello", "sick"])
    slots = {"to": to, "me": me, "gift": a(d.choice(L.COLORS[:11]) + " " + d.choice(["scarf", "book", "hat", "ball", "cup", "kite", "bag"])), "day": d.choice(L.DAYS), "t": number(d.int(2, 7)), "ev": d.choice(["party", "birthday party", "dinner", "picnic", "concert"]), "place": d.choice(L.PLACES)[0]}
    if kind == "thank":
        q = "[Write a thank you note to {to} for {gift}|Write a short thank you letter to {to} for {gift}|Thank {to} for {gift} in a short letter]. [My name is {me}.|Sign it as {me}.]"
        b = "Dear {to},\n\n[thank you very much|thank you so much] for {thegift}. [I like it very much.|It is beautiful, and I use it every day.|It made me very happy.]\n\n[Best wishes|Yours|Love],\n{me}"
    elif kind == "invite":
        q = "[Write an invitation to {to} for a {ev} on {day}|Invite {to} to a {ev} on {day}|Write a short letter that invites {to} to a {ev} on {day}]. [My name is {me}.|Sign it as {me}.]"
        b = "Dear {to},\n\nI would like to invite you to my {ev} on {day}[ at {t} o'clock|]. [I would be happy to see you.|I hope you can come.|Please tell me if you can come.]\n\n[Best wishes|Yours|See you soon],\n{me}"
    elif kind == "sorry":
        q = "[Write a letter to say sorry to {to}|Write an apology to {to}|Say sorry to {to} in a short letter]. [My name is {me}.|Sign it as {me}.]"
        b = "Dear {to},\n\nI am [very |]sorry for what I did. [It was my mistake.|I did not want to hurt you.] [I hope we can be friends again.|I will try to do better.]\n\n[Best wishes|Yours],\n{me}"
    elif kind == "sick":
        q = "[Write a note to my teacher {to} that I am sick on {day}|Write a message to {to} that I am sick and cannot come on {day}|Tell {to} in a short note that I am sick on {day}]. [My name is {me}.|Sign it as {me}.]"
        b = "Dear {to},\n\n[I am sorry, but I am sick and cannot come on {day}.|I am sick and have to stay at home on {day}.] [I hope to be back soon.|I will come again when I feel better.]\n\n[Best wishes|Yours],\n{me}"
    else:
        q = "[Write a short letter to {to}|Write a postcard to {to}|Write a letter to my friend {to}]. [My name is {me}.|Sign it as {me}.]"
        b = "Dear {to},\n\n[how are you? I am fine.|I hope you are well.] [I am {place} today.|Yesterday I was {place}.] The weather is [sunny|warm|cold|nice]. [I miss you.|I hope to see you soon.|Please write to me.]\n\n[Best wishes|Yours|Love],\n{me}"
    slots["thegift"] = "the " + slots["gift"].split(" ", 1)[1]
    body = d.say(b, slots).replace("\n\nthank", "\n\nThank").replace("\n\nhow", "\n\nHow")
    return QA(d.say(q, slots), body)


COUPLETS = [("cat", "The little cat sat in the sun,|and watched the birds, and saw them run."), ("moon", "The moon is bright, the night is long,|and far away I hear a song."), ("rain", "The rain comes down on roof and street,|and makes small rivers at my feet."), ("tree", "There is a tall and green old tree|that gives its shade to you and me."),
            ("star", "A little star shines far away,|and waits all night to see the day."), ("snow", "The snow is white, the wind is cold,|the fire is warm, the tales are old."), ("sea", "The sea is wide, the sea is blue,|it sings its song for me and you."), ("dog", "My dog can run, my dog can play,|he waits for me at end of day."),
            ("spring", "The winter goes, the flowers bring|the colors and the smell of spring."), ("night", "The day is done, put out the light,|and close your eyes, my dear, good night."), ("bird", "A bird sat singing in a tree|a merry song for all to see."), ("friend", "A friend is someone who will stay|with you on every rainy day."),
            ("book", "A book can take you far away|and bring you home the same day."), ("wind", "The wind goes over field and hill,|it sings and sings and is not still."), ("river", "The river runs by night and day|and carries little leaves away."), ("flower", "A flower opens in the light,|and folds its petals every night."), ("home", "The road is long, the sky is gray,|but I am going home today."),
            ("summer", "The summer sun is warm and high,|and white clouds travel through the sky."), ("autumn", "The leaves turn yellow, red and brown,|and one by one they all fall down."), ("bread", "The bread is warm, the table set,|it is the best that you can get.")]


def poem(d):
    n = d.choice([1, 1, 2, 2, 3])
    xs = d.sample(COUPLETS, n)
    topic = xs[0][0]
    text = "\n\n".join(capital(x[1].split("|")[0]) + "\n" + x[1].split("|")[1] for x in xs)
    q = d.say("[Write a poem about {x}.|Write a short poem about {x}.|Can you write a poem about {x}?|Tell me a poem about {x}.|Write a little rhyme about {x}.]", {"x": a(topic) if topic not in ("snow", "rain", "spring", "summer", "autumn", "home", "bread") and d.chance(.7) else topic}) if n == 1 or d.chance(.6) else d.say("[Write a poem.|Tell me a poem.|Write a short poem, please.|Can you write a poem?]")
    return QA(q, text)


JOKES = ["Why did the book go to the doctor? Because it had lost its spine.", "What did one wall say to the other wall? \"I will meet you at the corner.\"", "Why was the broom late? It overswept.", "What has four legs but cannot walk? A table.", "Why did the clock get into trouble? It always talked about the time.",
         "What did the sea say to the beach? Nothing, it just waved.", "Why was the math book sad? It had too many problems.", "What kind of tree fits in your hand? A palm tree.", "Why did the baker work so hard? He needed the dough.", "What is full of holes but still holds water? A sponge.",
         "What gets wetter the more it dries? A towel.", "What has hands but cannot clap? A clock."]


def joke(d):
    return QA(d.say("[Tell me a joke.|Tell me a joke|Do you know a joke?|Make me laugh.|Say something funny.|A joke, please.|Another joke, please.]"), d.choice(JOKES))


def riddle(d):
    q, ans = d.choice([("What has four legs but cannot walk?", "A table."), ("What has hands but cannot clap?", "A clock."), ("What has a neck but no head?", "A bottle."), ("What gets wetter the more it dries?", "A towel."), ("What goes up but never comes down?", "Your age."), ("What has teeth but cannot bite?", "A comb."),
                       ("What has keys but cannot open a door?", "A piano."), ("What has an eye but cannot see?", "A needle."), ("What is full of holes but still holds water?", "A sponge."), ("What can you catch but not throw?", "A cold."), ("What has pages but is not a tree?", "A book.")])
    if d.chance(.5):
        return QA(q, ans)
    return QA(d.say("[Tell me a riddle.|Give me a riddle.|Do you know a riddle?]"), q, "", (d.say("[I do not know. What is the answer?|What is the answer?|Tell me the answer.|I give up.]"), d.say("[The answer is: {x}|It is {y}]", {"x": ans[0].lower() + ans[1:], "y": ans[0].lower() + ans[1:]})))


def dialogue(d):
    p, q2 = any_name(d), any_name(d)
    topic, lines = d.choice(DIALOGUES)
    q = d.say("[Write a dialogue between {p} and {q} about {t}.|Write a short talk between {p} and {q} about {t}.|{p} and {q} talk about {t}. Write what they say.|Write a conversation about {t} between {p} and {q}.]", {"p": p, "q": q2, "t": topic})
    out = []
    for i, line in enumerate(lines):
        out.append(f"{p if i % 2 == 0 else q2}: {d.say(line, {'p': p, 'q': q2, 'food': d.choice(L.DISHES), 'day': d.choice(L.DAYS)})}")
    return QA(q, "\n".join(out))


DIALOGUES = [("the weather", ["[What a nice day!|It is so sunny today.]", "[Yes, the sun is warm.|Yes, I like this weather.] [Shall we go outside?|Shall we go to the park?]", "[Good idea. I will take my hat.|Yes, let us go right now.]", "[Great! Wait for me.|Good. I will bring some {food}.]"]),
             ("food", ["[I am hungry. What do we have?|What shall we eat today?]", "[We have {food} and some fruit.|We could make {food}.]", "[That sounds good. Can I help you?|I like that. Let us cook together.]", "[Yes, please set the table.|Yes, please cut the bread.]"]),
             ("a trip", ["[Shall we make a trip on {day}?|I want to go to the sea on {day}.]", "[Yes! Where do you want to go?|That is a good idea. How do we get there?]", "[We can take the train to the sea.|We can go by train. It is not far.]", "[Wonderful. I will pack a bag.|Good. I will bring something to eat.]"]),
             ("school", ["[How was school today?|What did you learn today?]", "[It was good. We read a story about a fox.|We learned about the stars.]", "[That sounds interesting. Do you have homework?|I like that. Can you tell me more?]", "[Yes, a little. Can you help me?|Yes, of course. Sit down with me.]"]),
             ("a lost cat", ["[Have you seen my cat?|I cannot find my cat.]", "[No, I have not. What does it look like?|Oh no. Where did you see it last?]", "[It is small and black. It was in the garden.|It was in the garden this morning.]", "[Let us look together.|Come, we will find it.]"]),
             ("a book", ["[What are you reading?|Is that a new book?]", "[It is a book about the sea.|Yes, it is a story about a clever mouse.]", "[Is it good?|Can I read it, too?]", "[Yes, it is very good. You can have it on {day}.|Of course. I will give it to you on {day}.]"]),
             ("plans for the weekend", ["[What will you do on Sunday?|Do you have plans for the weekend?]", "[I will visit my grandmother.|I want to work in the garden.]", "[That is nice. May I come with you?|Do you need help?]", "[Yes, I would be glad.|Yes, please. Come at ten o'clock.]"]),
             ("the market", ["[I am going to the market. Do you need anything?|Shall I bring you something from the market?]", "[Yes, please bring me some apples.|Yes, I need bread and carrots.]", "[How many do you need?|How much do you need?]", "[Five will be enough. Thank you!|Not much. Thank you very much!]"])]


def preference(d):
    first, second = d.sample([z for z in L.ANIMALS if z[3] != "0" and z[0] not in ("monkey", "kangaroo")], 2)
    q = d.say("[Compare {a} and {b}.|What is the difference between {a} and {b}?|How is {a} different from {b}?]", {"a": a(first[0]), "b": a(second[0])})
    parts = []
    if first[7] != second[7]:
        parts.append(f"{capital(a(first[0]))} is {a(first[7])}, but {a(second[0])} is {a(second[7])}.")
    if abs(int(first[8]) - int(second[8])) >= 2:
        parts.append(f"{capital(a(first[0]))} is {'bigger' if int(first[8]) > int(second[8]) else 'smaller'} than {a(second[0])}.")
    if first[5] != second[5]:
        parts.append(f"{capital(a(first[0]))} eats {first[5]}, and {a(second[0])} eats {second[5]}.")
    parts.append(f"{capital(a(first[0]))} {first[11]}, and {a(second[0])} {second[11]}." if first[3] == second[3] else f"{capital(a(first[0]))} has {number(int(first[3]))} legs, but {a(second[0])} has {number(int(second[3]))}.")
    return QA(q, " ".join(parts[:3]))


def statement(d):
    """The user just says something."""
    k = d.int(0, 5)
    x = d.choice(L.ANIMALS)
    if k == 0:
        return QA(d.say("[I like {xs}.|I love {xs}.|My favorite animal is the {x}.|I think {xs} are great.]", {"x": x[0], "xs": x[1]}), d.say("[{Xs} are nice animals.|I see why.|That is nice.] {X} {note}. [Do you have a question about {xs}?|What do you like about them?]", {"x": a(x[0]), "xs": x[1], "note": x[11]}))
    if k == 1:
        place = d.choice(L.PLACES)
        return QA(d.say("[Today I was {p}.|Yesterday I was {p}.|I am {p}.|I will be {p} tomorrow.]", {"p": place[0]}), d.say("[That sounds nice! What did you see there?|How nice! Did you like it?|That sounds good. Tell me more.]" ))
    if k == 2:
        h = d.choice(L.HOBBIES)
        return QA(d.say("[I like {h}.|My hobby is {h}.|I love {h}.|I enjoy {h}.]", {"h": h}), d.say("[{H} is a nice hobby.|{H} is fun.|That is a good hobby.] [How often do you do it?|When did you start?|Do you do it with friends?]", {"h": h}))
    if k == 3:
        f = d.choice(L.DISHES)
        return QA(d.say("[I like {f}.|I ate {f} today.|I am cooking {f}.|I made {f}.]", {"f": f}), d.say("[That sounds good!|That sounds tasty!|Enjoy it!] [Did you make it yourself?|Do you want to tell me the recipe?|What do you drink with it?]"))
    if k == 4:
        r, j = d.choice(L.FAMILY), d.choice(L.JOBS)
        return QA(d.say("My {r} is {j}.", {"r": r, "j": a(j[0])}), d.say("[That is an important job.|That is a good job.|How interesting!] {J} {does}.", {"j": a(j[0]), "does": j[2]}))
    w = d.choice(L.WEATHER[:8])
    return QA(d.say("[It is {w} today.|The weather is {w}.|It is so {w} outside.]", {"w": w}), {"sunny": "Then it is a good day to go outside!", "rainy": "Do not forget your umbrella!", "windy": "That is good weather for a kite!", "cloudy": "Maybe the sun will come out later.", "snowy": "Put on warm clothes and enjoy the snow!", "foggy": "Please take care on the road.", "stormy": "It is better to stay inside.", "warm": "How nice! Enjoy the warm day."}[w])


def describe(d):
    """A place or a thing in a few sentences."""
    if d.chance(.5):
        p = d.choice(L.PLACES)
        things = d.sample([x.strip() for x in p[2].split(",")], d.int(2, 4))
        q = d.say("[Describe {n}.|What can you see {p}?|What is there {p}?|Tell me about {n}.|What do you find {p}?]", {"n": a(p[1]), "p": p[0].replace(" the ", " " + a(p[1]).split(" ")[0] + " ") if d.chance(.5) else p[0]})
        return QA(q, d.say("{P}, you can see {t}.[ {extra}|]", {"p": p[0], "t": and_list(things), "extra": d.say("[I would like to go there.|It is a good place for a story.|Many people go there.]")}).replace(" I would like to go there.", ""), "", None)
    o = d.choice([x for x in L.OBJECTS if x[0] != "soap"])
    q = d.say("[Describe {x}.|Tell me about {x}.|What is {x}?|What do you know about {x}?|Write two sentences about {x}.]", {"x": a(o[0])})
    return QA(q, d.say("[{X} is a thing that you use to {u}.|You use {x} to {u}.] [It is often made of {m}.|Many of them are made of {m}.]", {"x": a(o[0]), "u": o[2], "m": o[4]}))


KINDS = [(statement, 7), (describe, 6), (greeting, 14), (unknown, 10), (advice, 6), (howto, 6), (letter, 5), (poem, 4), (joke, 2), (riddle, 2), (dialogue, 5), (preference, 3)]


def talk(d):
    return d.weighted(KINDS)(d)

