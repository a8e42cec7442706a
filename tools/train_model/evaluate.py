"""Held-out perplexity, answers to held-out questions, and samples to read. All in float32, plain PyTorch."""

import math
import re
import sys
import time

import torch

import documents
import facts
import lexicon
import notes
import tasks
from grammar import Draw, number

EOT, IM_START, IM_END = 4093, 4094, 4095


@torch.no_grad()
def heldout(model, rows, assistant, mask_of, batch=8):
    """Perplexity over all held-out tokens that follow a token of their document, and over the answers alone."""
    torch.backends.cuda.matmul.allow_tf32 = False
    total = torch.zeros(2, dtype=torch.float64)
    count = torch.zeros(2, dtype=torch.float64)
    from train import weights_of
    rows = rows[:256] if rows.is_cuda else rows[:8]
    for i in range(0, len(rows), batch):
        t = rows[i:i + batch]
        x = model.hidden(t, mask_of(t))
        from model import head
        z = head(x, model.output_norm, model.token_embd, model.c.eps)[:, :-1].float()
        loss = torch.nn.functional.cross_entropy(z.flatten(0, 1), t[:, 1:].flatten(), reduction="none")
        w = weights_of(t, assistant)[:, 1:].flatten()
        chat = (t[:, 1:] != EOT).flatten()
        for j, pick in enumerate([w > 0, (w == 1) & chat]):
            total[j] += loss[pick].double().sum().cpu()
            count[j] += pick.sum().cpu()
    return {"perplexity": math.exp(total[0] / count[0]), "tokens": int(count[0]), "perplexity of texts and answers": math.exp(total[1] / count[1]), "tokens of texts and answers": int(count[1])}


NUMBERS = {number(i): str(i) for i in range(100)}
SAME = [("the text does not say", "NO"), ("the story does not say that", "NO"), ("that is not in the text", "NO"), ("the text does not tell us that", "NO"), (" is called ", " is "), (" got the ", " has the "), (" has no ", " has zero ")]


def plain(text):
    """Lower case, numbers in digits, and one wording for those that mean the same."""
    text = text.lower().strip().rstrip(".")
    for a, b in SAME:
        text = text.replace(a, b)
    return re.sub(r"[a-z]+(-[a-z]+)?", lambda m: NUMBERS.get(m[0], m[0]), text)


def right(question, expected, answer):
    if "rhyme" in question.lower():
        asked = re.findall(r"[a-z]+", question.lower())
        said = re.findall(r"[a-z]+", answer.lower())
        return any(set(g) & set(asked) and len(set(g) & set(said)) >= 2 - (said[:1] != ["the"] and len(said) == 1) for g in lexicon.RHYMES)
    return re.search(r"(?<![a-z0-9])" + re.escape(plain(expected)) + r"(?![a-z0-9])", plain(answer)) is not None


@torch.no_grad()
def generate(model, tok, prompts, limit=200, temperature=0.0, seed=1, batch=256):
    """Continuations of the prompts (texts with special tokens), greedy or sampled, without a cache: simple and slow."""
    device = model.token_embd.device
    g = torch.Generator(device=device).manual_seed(seed)
    out = []
    for start in range(0, len(prompts), batch):
        ids = [tok.encode(p).ids for p in prompts[start:start + batch]]
        lengths = torch.tensor([len(x) for x in ids], device=device)
        width = int(lengths.max()) + limit
        t = torch.zeros(len(ids), width, dtype=torch.long, device=device)
        for i, x in enumerate(ids):
            t[i, :len(x)] = torch.tensor(x, device=device)
        first, done = lengths.clone(), torch.zeros(len(ids), dtype=torch.bool, device=device)
        rows = torch.arange(len(ids), device=device)
        from model import head
        for _ in range(limit):
            x = model.hidden(t[:, :int(lengths.max())])[rows, lengths - 1]
            z = head(x, model.output_norm, model.token_embd, model.c.eps).float()
            nxt = z.argmax(-1) if temperature == 0 else torch.multinomial(torch.softmax(z / temperature, -1), 1, generator=g)[:, 0]
            t[rows[~done], lengths[~done]] = nxt[~done]
            lengths = torch.where(done, lengths, lengths + 1)
            done |= (nxt == IM_END) | (nxt == EOT)
            if done.all() or int(lengths.max()) >= width:
                break
        for i in range(len(ids)):
            text = tok.decode(t[i, first[i]:lengths[i]].tolist(), skip_special_tokens=False)
            out.append(text.replace("<|im_end|>", "").replace("<|endoftext|>", "").strip())
    return out


def chat(*turns, system=""):
    text = documents.turn("system", system) if system else ""
    for i, x in enumerate(turns):
        text += documents.turn("user" if i % 2 == 0 else "assistant", x)
    return text + "<|im_start|>assistant\n"


OPEN = tuple("name,tell me,give me,can you name,say the name,write a json object,make a json,create json,make a json array,write,list".split(","))  # many right answers


def questions(model, tok, n=None):
    """Greedy answers to questions whose wording ordinary training conversations never had; right if the expected answer stands in them."""
    n = n or (400 if model.token_embd.is_cuda else 8)
    report = {}
    wrong = []
    for name, make in (("facts", facts.fact), ("tasks", tasks.task)):
        d, qs, seen = Draw("heldout questions " + name, True), [], set()
        while len(qs) < n:
            q = make(d)
            if name == "tasks" and q.q.lower().startswith(OPEN):
                continue
            exact = not q.short and name == "tasks" and make is tasks.task and q.full.count("\n") == 0 and any(s in q.q for s in ("capital letters", "uppercase", "past", "Sort", "Count", "count", "Repeat", "Spell", "JSON"))
            if documents.reserved(q.q) and q.q not in seen and (q.short or exact):
                seen.add(q.q)
                qs.append((q.q, q.short or q.full))
        answers = generate(model, tok, [chat(q) for q, _ in qs], 64)
        ok = 0
        for (q, short), ans in zip(qs, answers):
            good = right(q, short, ans)
            ok += good
            if not good:
                wrong.append((q, short, ans))
        report[name] = f"{ok}/{n}"
    d, pairs = Draw("heldout notes", True), []
    while len(pairs) < n:
        pairs.append(notes.note_exchange(d)[0])
    answers = generate(model, tok, [chat(q) for q, _ in pairs], 64)
    missed = [(q, x, y) for (q, x), y in zip(pairs, answers) if plain(x) != plain(y)]
    report["notes"] = f"{n - len(missed)}/{n}"
    for q, short, ans in wrong + missed:
        print("  wrong:", repr(q), "| expected", repr(short), "| got", repr(ans))
    return report


SAMPLES = [
    chat("Hello!"), chat("Who are you?"), chat("Tell me a story about a dragon."), chat("Write a short story about a girl named Lena and a lost umbrella."), chat("What is the capital of France?"),
    chat("What is the opposite of heavy?"), chat("List five fruits."), chat("What is 7 + 8?"), chat("What is 17 - 9?"), chat("What is 6 times 7?"), chat("Tom has five apples. He gives two to Anna. How many apples does Tom have left?"),
    chat("Write 'good morning my friend' in capital letters."), chat("Rewrite in the past tense: The farmer feeds the ducks."), chat("Sort these words alphabetically: pear, apple, table, moon"), chat("How many legs does a spider have?"),
    chat("Make a JSON object for this: Maria is 34 years old, lives in Rome and has a cat."), chat("Give me a JSON array of three colors."), chat("What is a library?"), chat("Who is Zalu Mirobe?"), chat("What is the weather today?"),
    chat("My name is Oscar.", "Nice to meet you, Oscar! How can I help you?", "What is the capital of Japan?", "The capital of Japan is Tokyo.", "What is my name?"), chat("How do I make tea?"), chat("I am sad."),
    chat("What color is grass?", "Grass is green.", "And snow?"), chat("Which is bigger, an elephant or a mouse?", system="Answer in one word."), chat("Where does the sun rise?", system="You are a pirate."), chat("What does a baker do?", system="End every answer with 'Cheers!'"),
    chat("What comes after Thursday?", system="Answer only in JSON."), chat("Write a short poem about the moon."), chat("Write a thank you note to Paul for a red scarf. My name is Mia."), chat("Spell the word garden."), chat("Count from 5 to 12."),
    chat("Read this text and answer the question.\n\nNora had a small brown dog. On Sunday she went to the lake with her brother Max. The dog jumped into the water and came back with a red ball.\n\nWhat did the dog bring back?"),
    chat("Nora had a small brown dog. On Sunday she went to the lake with her brother Max.\n\nWhat is the name of Nora's brother?"), chat("Continue this story: Once upon a time, a small mouse found a golden key in the grass."), chat("Why do we sleep?"), chat("Can a penguin fly?"),
    chat("Tell me a joke."), chat("List three animals."), chat("Name ten animals."), chat("Is there the letter e in onion?"), chat("Write 'Zorbu likes my purple lamp' in uppercase."), chat("Which of these is different? cat, dog, hammer, horse"), chat("Translate 'good morning' into German."), chat("Thanks for your help!"), chat("What is the plural of mouse?"), chat("Write a dialogue between Ben and Ida about the weather."), chat("what's the difference between a cat and a dog"),
    "Once upon a time", "The old lighthouse", "A dog is", "The capital of Italy is",
]


def samples(model, tok, path):
    began = time.time()
    limit = 260 if model.token_embd.is_cuda else 8
    prompts = SAMPLES if model.token_embd.is_cuda else SAMPLES[:3]
    greedy = generate(model, tok, prompts, limit)
    warm = generate(model, tok, prompts, limit, 0.7)
    with open(path, "w") as f:
        for p, g, w in zip(prompts, greedy, warm):
            text = f"PROMPT {p!r}\nGREEDY {g}\nT=0.7  {w}\n\n"
            f.write(text)
            sys.stdout.write(text)
    print(f"samples in {time.time() - began:.0f} s", flush=True)
