#!/usr/bin/env python3
"""Jinja templates by the independent implementation, Jinja2 from PyPI in the environment that chat templates are written for.

  jinja_reference.py golden            writes tests/golden/jinja.json from tests/golden/jinja_cases.txt, and the cases that
                                       render as seeds for the fuzzer, several to a file, into tests/golden/jinja_seeds
  jinja_reference.py fuzz DRIVER [N] [SEED]   renders N random templates with both and prints every difference

DRIVER is build/dev/src/tokenizer/jinja/jinja_driver. Needs jinja2 3.1 (pip install jinja2); recorded in the golden file.
"""
import calendar
import copy
import importlib.metadata
import json
import pathlib
import random
import resource
import signal
import subprocess
import sys
import time
import warnings

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

ROOT = pathlib.Path(__file__).resolve().parent.parent
NOW = calendar.timegm((2026, 7, 26, 12, 0, 0))


class Generation(jinja2.ext.Extension):
    """{% generation %} marks what the model wrote; rendering passes it on."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

    def _pass(self, caller):
        return caller()


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols]
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda f: time.strftime(f, time.gmtime(NOW))
    return env


ENV = environment()

CONTEXT = {
    "n": 3, "m": -7, "f": 2.5, "z": 0, "t": True, "no": None, "s": "Hello World", "e": "", "u": "naïve Ünï 日本 😀 ß",
    "l": [1, 2, 3], "w": ["b", "A", "c", "a"], "d": {"a": 1, "b": [1, {"x": "y"}], "items": "I"},
    "users": [{"name": "Bo", "age": 5, "on": True}, {"name": "al", "age": 3, "on": False}, {"name": "Cy", "age": 5}],
    "nest": [[1, [2, 3]], [4, []]], "multi": "one two\nthree  four\n\n five-six", "html": "<a href='x'>1 & 2</a>",
}


def render(template, context):
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return {"text": ENV.from_string(template).render(**copy.deepcopy(context))}
    except Exception as error:  # the class is what is compared
        return {"error": type(error).__name__, "message": str(error)[:200]}
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


# ---- golden

def cases(text):
    """Cases are separated by lines of '----'; 'context: {...}' as first line replaces the common context."""
    for part in text.split("\n----\n"):
        context = CONTEXT
        if part.startswith("context: "):
            line, part = part.split("\n", 1)
            context = json.loads(line[9:])
        yield part, context


def golden():
    source = (ROOT / "tests/golden/jinja_cases.txt").read_text()
    out = {"made_by": "tools/jinja_reference.py golden", "jinja2": jinja2.__version__, "markupsafe": importlib.metadata.version("markupsafe"),
           "python": sys.version.split()[0], "now": NOW, "context": CONTEXT, "cases": []}
    for template, context in cases(source):
        case = {"template": template, **render(template, context)}
        if context is not CONTEXT:
            case["context"] = context
        case.pop("message", None)
        out["cases"].append(case)
    path = ROOT / "tests/golden/jinja.json"
    lines = ",\n".join("    " + json.dumps(case, ensure_ascii=False) for case in out.pop("cases"))
    head = json.dumps(out, ensure_ascii=False, indent=1)[:-2]
    path.write_text(head + ',\n "cases": [\n' + lines + "\n ]\n}\n")
    seeds = ROOT / "tests/golden/jinja_seeds"
    seeds.mkdir(exist_ok=True)
    good = [template for template, context in cases(source) if "text" in render(template, context)]
    for i in range(0, len(good), 8):
        (seeds / f"{i // 8:02}.jinja").write_text("\n".join(good[i : i + 8]) + "\n")
    print(path, seeds)


# ---- fuzz

class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *options):
        return self.r.choice(options)

    def string(self):
        return self.pick("''", "'a'", "'Hello World'", "' x '", "'a,b,,c'", "'日本 ß'", "'1.5'", "'42'", "'%s-%d'", "'{}:{}'",
                         "'a\\nb\\n'", "'<b>'", "'aXbXc'", "\"it's\"", "'\\u00e9'", "'é'", "'%5.2f|'", "'{:>6}|'", "'İıſ'",
                         "' \\t'", "'0x1f'", "'_1_0'", "'-'", "'ABC def'")

    def number(self):
        return self.pick("0", "1", "2", "3", "-1", "-2", "7", "10", "1.5", "-0.5", "2.0", "1e3", "100", "0.1", "1e16", "1e-5",
                         "123456", "-7", "3.7", "0b11", "0xff", "1_000")

    def atom(self):
        return self.pick(*CONTEXT, "nope", "true", "none", "false", self.string(), self.string(), self.number(), self.number(),
                         "range(4)", "loop", "namespace(a=1)", "dict(k=2)")

    def arg(self, depth):
        return self.expr(depth - 1) if depth > 0 else self.atom()

    def expr(self, depth):
        if depth <= 0:
            return self.atom()
        sub = lambda: self.expr(depth - 1)
        kind = self.r.randrange(17)
        if kind == 0:
            return f"({sub()} {self.pick('+', '-', '*', '/', '//', '%', '~', '+')} {sub()})" if self.r.randrange(12) else f"({sub()} ** {self.pick('2', '-1', '0', '0.5', '3')})"
        if kind == 1:
            return f"({sub()} {self.pick('==', '!=', '<', '<=', '>', '>=', 'in', 'not in', 'and', 'or')} {sub()})"
        if kind == 2:
            return f"({self.pick('not ', '-', '+')}{sub()})"
        if kind == 3:
            return f"({sub()} if {sub()}{self.pick('', ' else ' + sub())})"
        if kind == 4:
            bounds = self.pick("1:", ":2", "::-1", "-2:", ":-1", "::2", "1:3", "5:1:-2", "-1::-1", ":", "::0", "-9:9")
            return f"{self.unit(sub())}[{bounds}]"
        if kind == 5:
            return f"{self.unit(sub())}[{self.pick('0', '-1', '9', sub(), repr(self.pick('a', 'name', 'items')))}]"
        if kind == 6:
            return f"{self.unit(sub())}.{self.pick('a', 'b', 'name', 'items', 'x', 'real', 'append', '__class__', '0', 'upper')}"
        if kind == 7:
            return self.method(sub(), depth)
        if kind == 8:
            return "[" + ", ".join(sub() for _ in range(self.r.randrange(4))) + "]"
        if kind == 9:
            return "(" + "".join(sub() + ", " for _ in range(self.r.randrange(3))) + ")"
        if kind == 10:
            return "{" + ", ".join(f"{self.pick(self.string(), self.number(), self.atom())}: {sub()}" for _ in range(self.r.randrange(3))) + "}"
        if kind in (11, 12, 13):
            return self.filtered(sub(), depth)
        if kind == 14:
            return self.tested(sub(), depth)
        if kind == 15:
            return f"({sub()} ~ {sub()})"
        return sub()

    def unit(self, text):
        return f"({text})"

    def method(self, operand, depth):
        a = lambda: self.arg(depth - 1)
        name, args = self.pick(
            ("upper", []), ("lower", []), ("title", []), ("capitalize", []), ("swapcase", []), ("casefold", []),
            ("strip", [self.pick("", a())]), ("lstrip", [self.pick("", "'aH '")]), ("rstrip", [self.pick("", "'d '")]),
            ("split", [self.pick("", a(), "','", "none, 1", "' ', 1", "'X', maxsplit=1")]), ("rsplit", [self.pick("", "' '", "none, 1", "',', 1")]),
            ("splitlines", [self.pick("", "true")]), ("replace", [f"{a()}, {a()}" + self.pick("", ", 1")]), ("startswith", [self.pick(a(), "('a', 'H')")]),
            ("endswith", [a()]), ("find", [self.pick(a(), "'o', 5", "'l', -3")]), ("rfind", ["'o'"]), ("index", [a()]), ("count", [a()]),
            ("join", [a()]), ("center", [self.pick("11", "12", "9, '*'")]), ("ljust", ["8"]), ("rjust", ["8, '.'"]), ("zfill", ["6"]),
            ("isdigit", []), ("isalpha", []), ("isalnum", []), ("isspace", []), ("isupper", []), ("islower", []), ("istitle", []),
            ("isnumeric", []), ("isdecimal", []), ("isidentifier", []), ("isprintable", []), ("isascii", []),
            ("format", [self.pick(a(), f"{a()}, {a()}", "1, b=2")]), ("partition", ["'o'"]), ("rpartition", ["' '"]), ("expandtabs", ["4"]),
            ("removeprefix", ["'He'"]), ("removesuffix", ["'ld'"]), ("items", []), ("keys", []), ("values", []),
            ("get", [self.pick("'a'", f"{a()}, {a()}")]), ("append", [a()]), ("pop", []), ("copy", []), ("bit_length", []), ("is_integer", []))
        return f"{self.unit(operand)}.{name}({', '.join(x for x in args if x)})"

    def filtered(self, operand, depth):
        a = lambda: self.arg(depth - 1)
        name = self.pick(
            "abs", "attr('name')", "batch(2)|list", f"batch(2, {a()})|list", "capitalize", "center(20)", "count", "d", f"default({a()})",
            f"default({a()}, true)", "dictsort", "dictsort(by='value')", "dictsort(true, reverse=true)", "e", "escape", "filesizeformat",
            "filesizeformat(true)", "first", "float", f"float({a()})", "forceescape", f"format({a()})", "groupby('age')", "groupby('name')|list",
            "indent", "indent(2, true)", "indent('> ', blank=true)", "int", f"int({a()})", "int(5, 16)", "join", f"join({a()})", "join(', ', attribute='name')",
            "last", "length", "list", "lower", "items|list", "map('upper')|list", "map(attribute='name')|list", "map(attribute='age', default=9)|join('-')",
            "map('default', 1)|list", "map('int')|sum", "min", "max", "min(attribute='age')", "max(case_sensitive=true)", "reject|list", "reject('odd')|list",
            "rejectattr('on')|list", f"replace({a()}, {a()})", "replace('l', 'L', 1)", "reverse", "reverse|list", "round", "round(1)", "round(1, 'floor')",
            "round(0, 'ceil')", "round(-1)", "safe", "select|list", "select('odd')|list", "select('gt', 1)|list", "select('in', [1, 'a'])|list", "selectattr('on')|list",
            "selectattr('age', 'eq', 5)|map(attribute='name')|list", "slice(2)|list", "slice(3, 'x')|list", "sort", "sort(reverse=true)", "sort(attribute='age')",
            "sort(attribute='age,name')", "sort(case_sensitive=true)", "string", "striptags", "sum", "sum(attribute='age')", f"sum(start={a()})", "title", "trim",
            f"trim({a()})", "truncate(5)", "truncate(6, true)", "truncate(7, false, '!', 0)", "unique|list", "upper", "urlencode", "wordcount", "wordwrap(7)",
            "wordwrap(4, false)", "xmlattr", "tojson", "tojson(indent=2)", "tojson(sort_keys=true)", "tojson(ensure_ascii=true)", "tojson(separators=(',', ':'))")
        return f"({operand}|{name})"

    def tested(self, operand, depth):
        a = lambda: self.arg(depth - 1)
        name = self.pick("defined", "undefined", "none", "boolean", "false", "true", "integer", "float", "number", "string", "mapping", "sequence",
                         "iterable", "callable", "odd", "even", "divisibleby 2", f"divisibleby({a()})", "lower", "upper", "escaped", f"sameas({a()})",
                         f"in({a()})", f"eq({a()})", f"ne({a()})", f"lt({a()})", f"ge({a()})", "filter", "test")
        return f"({operand} is {self.pick('', 'not ')}{name})"

    def tag(self, inner):
        return "{%" + self.pick("", "", "-", "+") + " " + inner + " " + self.pick("", "", "-", "+") + "%}"

    def text(self):
        return self.pick("", "", " ", "\n", "x", " y\n", "\n  ", "  \n\n", "é\n")

    def name(self):
        return self.pick("n", "s", "x", "y", "l")

    def body(self, depth, loop=False):
        return "".join(self.text() + self.statement(depth, loop) for _ in range(self.r.randrange(1, 4))) + self.text()

    def statement(self, depth, loop):
        e = lambda: self.expr(self.r.randrange(3))
        if depth <= 0:
            return "{{" + self.pick("", "-") + " " + e() + " " + self.pick("", "-") + "}}"
        b = lambda l=loop: self.body(depth - 1, l)
        t = self.tag
        kind = self.r.randrange(15)
        if kind <= 2:
            return "{{ " + self.pick(e(), self.name()) + " }}"
        if kind == 3:
            return t("if " + e()) + b() + self.pick("", t("elif " + e()) + b()) + self.pick("", t("else") + b()) + t("endif")
        if kind in (4, 5):
            iterable = self.pick(e(), "l", "users", "range(3)", "d.items()", "s", "w")
            head = f"for {self.pick('x', 'n', 'x, y')} in {iterable}{self.pick('', '', ' if ' + self.pick('x', e()))}"
            inner = b(True) + self.pick("", "{{ loop.index }}{{ loop.last }}", "{{ loop.nextitem }}{{ loop.previtem }}", "{{ loop.cycle(1, 2) }}{{ loop.revindex }}",
                                        "{{ loop.changed(x) }}{{ loop.length }}", t("if loop.index > 1") + t(self.pick("break", "continue")) + t("endif"))
            return t(head) + inner + self.pick("", t("else") + b()) + t("endfor")
        if kind == 6:
            return t(f"set {self.name()} = {e()}")
        if kind == 7:
            return t(f"set {self.name()}{self.pick('', ' | upper', ' | length')}") + b() + t("endset")
        if kind == 8:
            args = self.pick("", "x", "x, y=2", "x=n, y=x")
            m = self.pick("f", "g")
            extra = self.pick("", "{{ varargs }}", "{{ kwargs }}", "{{ caller() if caller else 0 }}")
            return t(f"macro {m}({args})") + b(False) + extra + t("endmacro") + "{{ " + m + self.pick("()", "(1)", "(1, 2)", "(1, 2, 3)", "(y=5)", "(q=1)") + " }}"
        if kind == 9:
            return t("call " + self.pick("f()", "g(1)", "f(x=2)")) + b(False) + t("endcall")
        if kind == 10:
            return t("filter " + self.pick("upper", "trim", "replace('x', 'zz')", "title", "indent(2)|upper")) + b() + t("endfilter")
        if kind == 11:
            return t(f"with {self.pick('', 'x = ' + e(), 'x = 1, y = x')}") + b() + t("endwith")
        if kind == 12:
            return t("set ns = namespace(v=" + e() + ")") + t("for x in l") + t("set ns.v = ns.v ~ x") + t("endfor") + "{{ ns.v }}"
        if kind == 13:
            return self.pick("{# c #}", "{#- c -#}\n", "{% raw %} {{ x }} {% endraw %}\n", t("generation") + b(False) + t("endgeneration"))
        return t("for x in nest recursive") + "{{ x if x is number else loop(x) }}{{ loop.depth }}" + self.pick("", self.text()) + t("endfor")


class Slow(Exception):
    pass


def too_slow(*_):
    raise Slow


def fuzz(driver, count, seed):
    # Python's integers and strings have no bound: a template that asks for too much is skipped
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    program = subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    different = classes = errors = 0
    for i in range(count):
        maker = Maker(f"{seed}.{i}")
        template = maker.body(3) if i % 2 else "{{ " + maker.expr(3) + " }}"
        ours_want = render(template, CONTEXT)
        program.stdin.write(json.dumps({"template": template, "context": CONTEXT, "now": NOW}) + "\n")
        program.stdin.flush()
        line = program.stdout.readline()
        if not line:
            print("driver died on", repr(template))
            return 1
        got = json.loads(line)
        if ours_want.get("error") in ("Slow", "MemoryError"):
            continue
        if "text" in ours_want and " at 0x" in ours_want["text"]:
            continue  # an address
        errors += "error" in ours_want
        if "error" in ours_want and "error" in got:
            if ours_want["error"] + ":" not in got["error"] and "64 bit" not in got["error"] and "64-bit" not in got["error"]:
                classes += 1
                if classes <= 12:
                    print("CLASS", repr(template), "\n   want", ours_want, "\n   got ", got)
            continue
        if ours_want.get("text") != got.get("text"):
            # bounds of ours; and a slice of a constant that has none, which Jinja2 folds to undefined while compiling
            if any(known in got.get("error", "") for known in ("64 bit", "64-bit", "complex", "is not subscriptable", "unhashable type: \'slice")):
                continue
            different += 1
            if different <= 25:
                print("DIFF", repr(template), "\n   want", ours_want, "\n   got ", got)
    print(f"{count} templates, {errors} errors, {different} different, {classes} errors of another class")
    return different > 0


if __name__ == "__main__":
    if sys.argv[1] == "golden":
        golden()
    else:
        sys.exit(fuzz(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 2000, sys.argv[4] if len(sys.argv) > 4 else "0"))
