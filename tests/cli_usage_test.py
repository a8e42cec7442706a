#!/usr/bin/env python3
"""What the program says to words that it does not know, and about itself: help, versions, completions, man pages.

    tests/cli_usage_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import pty
import shutil
import subprocess
import sys
import tempfile
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY, MODEL = "", ""
HOME = pathlib.Path("/nonexistent")
COMMANDS = ["matrix", "run", "chat", "models", "engines", "parity", "tokenize", "render", "doctor"]


def assay(*arguments, text=b"", env=None):
    """(exit code, stdout, stderr) of one command in an empty $ASSAY_HOME."""
    bare = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE")}
    done = subprocess.run([ASSAY, *map(str, arguments)], input=text, capture_output=True, timeout=300 * SLOWER,
                          env={**bare, "ASSAY_HOME": str(HOME), **(env or {})})
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


def tree(command=None):
    return json.loads(assay(*(command or []), "--help", "--json")[1])


def all_commands(command):
    yield command
    for below in command["commands"]:
        yield from all_commands(below)


class Words(unittest.TestCase):
    def refused(self, detail, *arguments, code=2):
        got, out, err = assay(*arguments)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        self.assertIn(detail, err.splitlines()[0])
        self.assertEqual(out, "")
        return err

    def test_a_word_that_is_no_command_is_named_and_the_one_that_was_meant(self):
        self.refused("assay has no command 'rnu'; did you mean 'run'?", "rnu")
        self.refused("assay has no command 'matrx'; did you mean 'matrix'?", "matrx", "--rounds", 3)
        self.refused("assay has no command 'model'; did you mean 'models'?", "model", "list")
        self.refused("assay models has no command 'lits'; did you mean 'list'?", "models", "lits")
        self.refused("assay engines has no command 'instal'; did you mean 'install'?", "engines", "instal", "mlx")
        err = self.refused("assay has no command 'xyzzy'", "xyzzy")
        self.assertNotIn("did you mean", err)
        self.assertIn("Try 'assay --help'.", err)

    def test_the_first_wrong_word_is_named_and_no_innocent_one(self):
        err = self.refused("assay run has no option '--modle'; did you mean '--model'?", "run", "--modle", "x", "hi")
        self.assertNotIn("hi", err)
        self.assertIn("Try 'assay run --help'.", err)
        self.refused("'b' is one word too many: assay run takes prompt", "run", "a", "b", "c")
        self.refused("assay models import has no option '--nmae'; did you mean '--name'?", "models", "import", "--nmae", "x", "file")
        self.refused("assay run has no option '-x'", "run", "-x", "hi")
        self.refused("assay doctor takes no 'hi'", "doctor", "hi")
        self.refused("--json takes no value", "doctor", "--json=yes")

    def test_a_value_that_is_missing_or_given_twice_is_named(self):
        self.refused("--model: a value is missing", "run", "hi", "--model")
        self.refused("--compare: a value is missing, expected 2", "matrix", "--compare", "a.json")
        self.refused("--max-tokens is given more than once", "run", "hi", "--max-tokens", 3, "-n", 4)
        self.refused("--temp: a value is missing", "run", "hi", "--temp=")
        self.refused("path is missing", "models", "import")

    def test_options_that_do_not_go_together_are_named(self):
        self.refused("--parse-special is only for use with --raw", "run", "hi", "--parse-special")
        err = self.refused("cannot be used together", "run", "hi", "--raw", "--system", "x")
        self.assertIn("--raw", err)
        self.assertIn("--system", err)

    def test_without_a_word_the_commands_are_listed(self):
        for arguments in ([], ["models"]):
            code, out, err = assay(*arguments)
            self.assertEqual((code, out), (2, ""))
            self.assertIn("a command is missing", err.splitlines()[0])
            for name in COMMANDS if not arguments else ("import", "list", "convert"):
                self.assertRegex(err, rf"(?m)^  {name} +\w")

    def test_other_names_of_the_same_are_known(self):
        for words in (["--version"], ["-V"], ["version"]):
            self.assertRegex(assay(*words)[1], r"^assay \d+\.\d+\.\d+\n$")
        self.assertEqual(assay("help"), assay("--help"))
        self.assertEqual(assay("help", "run"), assay("run", "--help"))
        self.assertEqual(assay("help", "models", "import"), assay("models", "import", "-h"))
        self.assertEqual(assay("models", "ls"), assay("models", "list"))
        self.refused("assay has no command 'rnu'", "help", "rnu")
        self.assertEqual(assay("models", "rm", "nothing")[0], assay("models", "remove", "nothing")[0])

    def test_a_dash_behind_two_dashes_is_text(self):
        self.refused("assay run has no option '-5'; a word that begins with a dash stands behind --", "run", "-5")
        code, out, err = assay("run", "--raw", "-n", 2, "--json", "--model", MODEL, "--", "-5")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["usage"]["output_tokens"], 2)


class Numbers(unittest.TestCase):
    def refused(self, words, *arguments):
        code, out, err = assay("run", "hi", "--model", MODEL, *arguments)
        self.assertEqual(code, 2, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err)

    def test_a_number_out_of_range_is_refused_with_name_met_and_expected(self):
        top32, top64 = 2**32 - 1, 2**64 - 1
        for option, value, expected in (
                ("--max-tokens", "-1", f"a whole number from 1 to {top32}"), ("--max-tokens", "0", f"from 1 to {top32}"),
                ("--max-tokens", 2**32, f"from 1 to {top32}"), ("--max-tokens", "many", "a whole number"), ("-n", "1.5", "a whole number"),
                ("--max-tokens", "", "met nothing"), ("--max-tokens", "0x10", "a whole number"), ("--min-tokens", "-3", "from 0"),
                ("--seed", 2**64, f"from 0 to {top64}"), ("--seed", "-1", f"from 0 to {top64}"), ("--seed", "1e3", "a whole number"),
                ("--temp", "500", "a number from 0 to 100"), ("--temp", "-1", "a number from 0 to 100"), ("--temp", "nan", "a number from 0 to 100"),
                ("--temp", "", "met nothing, expected a number"), ("--top-p", "1.5", "a number from 0 to 1"), ("--top-k", "-1", "from 0"),
                ("--min-p", "2", "from 0 to 1"), ("--typical-p", "-0.1", "from 0 to 1"), ("--repetition-penalty", "0", "above 0 to 100"),
                ("--presence-penalty", "101", "from -100 to 100"), ("--frequency-penalty", "-101", "from -100 to 100"),
                ("--dry-base", "0.5", "from 1 to 100"), ("--dry-allowed-length", "0", "from 1"), ("--xtc-threshold", "0.6", "from 0 to 0.5"),
                ("--mirostat", "1", "0 or 2"), ("--mirostat-tau", "0", "above 0 to 100"), ("--mirostat-eta", "inf", "from 0 to 1")):
            with self.subTest(option=option, value=value):
                shown = "met nothing" if value == "" else f"met {value}"
                self.refused([{"-n": "--max-tokens"}.get(option, option), shown, expected], option, value)

    def test_so_are_the_numbers_of_a_model_and_of_a_matrix(self):
        self.refused(["--context", "met 0", "from 2"], "--context", 0)
        self.refused(["--batch", "met 0", "from 1"], "--batch", 0)
        self.refused(["--threads", "met 1025", "from 0 to 1024"], "--threads", 1025)
        for option, value, least in (("--prompt", 0, 1), ("--output", 1, 2), ("--rounds", 0, 1), ("--rounds", "-2", 1), ("--seed", 2**64, 0)):
            code, out, err = assay("matrix", "--engines", "direct", "--model", MODEL, option, value)
            self.assertEqual((code, out), (2, ""), (option, value))
            self.assertIn(f"{option}: met {value}, expected a whole number from {least} to ", err)

    def test_settings_that_do_not_go_together_are_named_as_options(self):
        self.refused(["--min-tokens", "met 9", "--max-tokens, 3"], "--min-tokens", 9, "--max-tokens", 3)
        self.refused(["--top-k", "mirostat"], "--mirostat", 2, "--temp", 1, "--top-k", 3)
        self.refused(["--temp", "mirostat"], "--mirostat", 2)
        self.refused(["--stop", "empty text", "1 to 1024 bytes"], "--stop", "")
        self.refused(["--stop", "1025 bytes"], "--stop", "x" * 1025)

    def test_numbers_are_decimal(self):
        code, out, err = assay("run", "--raw", "Once", "-n", "010", "--min-tokens", "010", "--json", "--model", MODEL)
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["usage"]["output_tokens"], 10)


class Seeds(unittest.TestCase):
    ask = ["run", "--raw", "Tell me a story.", "--temp", 1.5, "--max-tokens", 40, "--min-tokens", 40, "--json"]

    def answer(self, *more):
        code, out, err = assay(*self.ask, "--model", MODEL, *more)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_a_seed_that_was_not_given_is_new_each_time_and_shown(self):
        first, second = self.answer(), self.answer()
        self.assertNotEqual(first["seed"], second["seed"])
        self.assertNotEqual(first["text"], second["text"])
        self.assertEqual(self.answer("--seed", first["seed"])["text"], first["text"])
        self.assertLess(first["seed"], 2**32)  # short enough to type

    def test_stats_show_the_seed(self):
        code, _, err = assay("run", "hi", "--stats", "-n", 2, "--temp", 1, "--seed", 18446744073709551615, "--model", MODEL)
        self.assertEqual(code, 0, err)
        self.assertIn(", seed 18446744073709551615", err)

    def test_again_draws_another_and_the_whole_talk_can_be_repeated(self):
        talk = b"Tell me a story.\n/again\n"
        options = ["chat", "--temp", 1.5, "--max-tokens", 40, "--min-tokens", 40, "--model", MODEL]
        code, out, err = assay(*options, "--seed", 7, text=talk)
        self.assertEqual(code, 0, err)
        half = out.rstrip("\n")
        first = assay(*options, "--seed", 7, text=b"Tell me a story.\n")[1].rstrip("\n")
        self.assertTrue(half.startswith(first))
        self.assertNotEqual(half[len(first):].strip(), first.strip())
        self.assertEqual(assay(*options, "--seed", 7, text=talk)[1], out)
        self.assertNotEqual(assay(*options, text=talk)[1], out)


class Conversations(unittest.TestCase):
    def chat(self, text, *more):
        return assay("chat", "--max-tokens", 8, "--model", MODEL, *more, text=text.encode())

    def test_a_full_context_says_what_to_do_and_every_way_out_works(self):
        questions = "".join(f"Tell me about the fox number {i}.\n" for i in range(6))
        code, _, err = self.chat(questions, "--context", 96)
        self.assertEqual(code, 1)
        self.assertIn("the context holds 96. /roll forgets the oldest turns, /undo the last one, /reset all", err)
        for way, said in (("/roll", "forgotten"), ("/undo\n/undo", "taken back: "), ("/reset", "the conversation is empty")):
            code, out, err = self.chat(questions + way + "\nhi\n", "--context", 96)
            self.assertIn(said, err)
            self.assertNotIn("no longer fits", err[err.rindex(said):], way)
        err = self.chat("word " * 200 + "\n", "--context", 64)[2]
        self.assertIn("this question alone is too long: ", err)
        self.assertIn("the context holds 64; assay chat --context N holds more", err)

    def test_each_command_says_what_it_did(self):
        file = HOME / "talk.json"
        for command, said in (
                ("/stats", "stats on"), ("/temp 0.5", "temp 0.5"), ("/seed 7", "seed 7"), ("/max 9", "max-tokens 9"), ("/set top_p 0.9", "top-p 0.9"),
                ("/set --top-k 5", "top-k 5"), ("/system Be brief.", "system message set"), ("/system", "no system message"),
                ("/reset", "the conversation is empty"), ("/clear", "the conversation is empty"), ("/roll", "nothing is forgotten"),
                ("/show", "0 of 1024 tokens"), ("/model", "assay-small-q4_0, direct "), (f"/save {file}", "0 messages written to"),
                (f"hi\n/save! {file}", "2 messages written to"), (f"/load {file}", f"2 messages from {file}"),
                ("hi\n/undo", "taken back: hi (0 questions left)"), (f"/model {MODEL}", "assay-small-q4_0, direct ")):
            code, _, err = self.chat(command + "\n")
            self.assertEqual(code, 0, err)
            self.assertIn(said, err, command)

    def test_a_command_that_cannot_be_done_says_why_and_changes_nothing(self):
        file = HOME / "kept.json"
        file.write_text("mine")
        other = HOME / "other.json"
        other.write_text('{"messages": [{"role": "king", "content": "x"}]}')
        for command, words in (
                ("/tmep 1", ["/tmep", "did you mean /temp?"]), ("/xyzzy", ["/help lists them"]), ("/set", ["/set top-p 0.9"]),
                ("/set tpo-p 1", ["no setting 'tpo-p'", "did you mean 'top-p'?"]), ("/set top-p 7", ["/set top-p: met 7, expected a number from 0 to 1"]),
                ("/temp", ["/temp: met nothing"]), ("/undo", ["nothing was asked yet"]), ("/again", ["nothing was answered yet"]),
                ("/undo 2", ['met "2", expected nothing']), (f"/save {file}", ["is there already", "/save!"]), ("/save", ["expected a file name"]),
                ("/load", ["expected a file name"]), ("/load /no/such", ["/no/such", "no such file"]), (f"/load {file}", ["not JSON"]),
                (f"/load {other}", ["message 0", "role"]), (f"/load {HOME}", ["is a folder"]), ("/model nope", ["nope"]),
                (f"/model {file}", ["kept.json"]), ("/save /no/such/folder/x", ["/no/such/folder"])):
            code, out, err = self.chat(f"My name is Oscar.\n{command}\nWhat is my name?\n" if command not in ("/undo", "/again") else command + "\n")
            self.assertEqual(code, 1, command)
            for word in words:
                self.assertIn(word, err, command)
            if command not in ("/undo", "/again"):
                self.assertEqual(len(out.splitlines()), 2, command)  # both questions are answered
        self.assertEqual(file.read_text(), "mine")

    def test_a_path_is_a_question(self):
        code, out, err = self.chat("/usr/bin/env\n /exit\n")
        self.assertEqual((code, len(out.splitlines())), (0, 2), err)


class Help(unittest.TestCase):
    def test_every_command_has_a_page_in_words_of_users(self):
        for command in all_commands(tree()):
            words = command["command"].split()[1:]
            code, out, err = assay(*words, "--help")
            self.assertEqual((code, err), (0, ""), words)
            self.assertLessEqual(max(map(len, out.splitlines())), 80, f"{words}: {max(out.splitlines(), key=len)}")
            self.assertTrue(out.startswith(command["command"] + ": " + command["description"][:10]), out[:80])
            self.assertIn("--json", out)
            self.assertTrue(command["examples"], words)
            self.assertRegex(out, r"\n\nExamples?:\n  .*\bassay ")
            for inside in ("UINT", "FLOAT", "INT ", "TEXT:", "Excludes", "{", " in ["):  # the parser's own
                self.assertNotIn(inside, out, words)

    def test_ranges_defaults_and_choices_are_shown(self):
        page = " ".join(assay("run", "--help")[1].split())
        self.assertIn("-n, --max-tokens N most tokens of an answer (1 or more; default 512)", page)
        self.assertIn("--temp, --temperature X 0: always the most likely token (0 to 100; default 0)", page)
        self.assertIn("--raw complete the text as it is, without the chat template (not with --system)", page)
        self.assertIn("--color WHEN where text has colour (auto, always or never; default auto)", page)

    def test_help_has_the_width_of_the_terminal(self):
        widths = {}
        for columns in (60, 80, 200):
            pid, fd = pty.fork()
            if pid == 0:
                os.execvpe("bash", ["bash", "-c", f'stty cols {columns}; exec "$0" matrix --help', ASSAY],
                           {**os.environ, "TERM": "xterm", "NO_COLOR": "1"})
            out = b""
            while True:
                try:
                    data = os.read(fd, 65536)
                except OSError:
                    break
                if not data:
                    break
                out += data
            os.waitpid(pid, 0)
            os.close(fd)
            widths[columns] = max(len(line) for line in out.decode().splitlines())
        self.assertLessEqual(widths[60], 60)
        self.assertGreater(widths[80], 60)
        self.assertLessEqual(widths[200], 100)  # a line longer than this is not read

    def test_help_and_version_are_documents_where_they_are_asked_for(self):
        whole = tree()
        self.assertEqual([one["command"].split()[-1] for one in whole["commands"]], COMMANDS)
        page = tree(["run"])
        option = next(one for one in page["options"] if "--max-tokens" in one["names"])
        self.assertEqual((option["names"], option["value"], option["default"], option["range"]), (["-n", "--max-tokens"], "N", "512", "1 or more"))
        self.assertEqual([one["names"] for one in page["arguments"]], [["PROMPT"]])
        self.assertEqual(set(json.loads(assay("--version", "--json")[1])), {"program", "version"})
        code, out, _ = assay("rnu", "--json")
        self.assertEqual((code, json.loads(out)["error"]["code"]), (2, "usage"))
        self.assertIn("did you mean 'run'?", json.loads(out)["error"]["detail"])

    def test_colour_is_for_terminals_and_those_who_ask(self):
        self.assertNotIn("\x1b", assay("--help")[1])
        self.assertIn("\x1b[1m", assay("--help", "--color", "always")[1])
        self.assertIn("\x1b[1m", assay("--help", env={"CLICOLOR_FORCE": "1"})[1])
        self.assertNotIn("\x1b", assay("--help", "--color", "never", env={"CLICOLOR_FORCE": "1"})[1])
        self.assertNotIn("\x1b", assay("--help", "--json", "--color", "always")[1])
        self.assertIn("\x1b[", assay("rnu", "--color=always")[2])
        self.assertEqual(assay("doctor", "--color", "pink")[0], 2)


class Shells(unittest.TestCase):
    def bash(self, *words):
        """What bash offers for the last of these words."""
        script = subprocess.run([ASSAY, "completions", "bash"], capture_output=True, text=True, check=True).stdout
        line = " ".join(words)
        asked = f"""{script}
PATH={os.path.dirname(os.path.abspath(ASSAY))}:$PATH
COMP_LINE={json.dumps(line)}; COMP_POINT=${{#COMP_LINE}}
COMP_WORDS=({' '.join(json.dumps(word) for word in words)}); COMP_CWORD={len(words) - 1}
_assay; printf '%s\\n' "${{COMPREPLY[@]}}" """
        done = subprocess.run(["bash", "--norc", "-c", asked], capture_output=True, text=True, timeout=60 * SLOWER,
                              env={**os.environ, "ASSAY_HOME": str(HOME)}, cwd=HOME)
        self.assertEqual(done.stderr, "")
        return done.stdout.split()

    def test_bash_completes_commands_options_values_files_and_models(self):
        self.assertEqual(set(self.bash("assay", "")), set(COMMANDS))
        self.assertEqual(self.bash("assay", "ru"), ["run"])
        self.assertEqual(self.bash("assay", "models", "im"), ["import"])
        self.assertEqual(self.bash("assay", "run", "--max"), ["--max-tokens"])
        self.assertEqual(self.bash("assay", "run", "--mir"), ["--mirostat", "--mirostat-tau", "--mirostat-eta"])
        self.assertEqual(self.bash("assay", "--color", "a"), ["auto", "always"])
        self.assertIn("direct", self.bash("assay", "run", "--engine", "d"))
        code, _, err = assay("models", "import", MODEL, "--name", "tiny")
        self.assertEqual(code, 0, err)
        (HOME / "weights.gguf").write_bytes(b"")
        self.assertEqual(self.bash("assay", "run", "-m", "ti"), ["tiny"])
        self.assertEqual(self.bash("assay", "run", "hi", "--model", "=", "we"), ["weights.gguf"])
        self.assertEqual(self.bash("assay", "models", "info", "ti"), ["tiny"])

    def test_scripts_of_the_other_shells_are_read_by_them(self):
        for shell, check in (("zsh", ["zsh", "-n"]), ("fish", ["fish", "--no-execute"]), ("bash", ["bash", "-n"])):
            code, script, err = assay("completions", shell)
            self.assertEqual((code, err), (0, ""))
            for name in COMMANDS:
                self.assertIn(name, script)
            if shutil.which(shell) is None:
                print(f"{shell} is not here: its script was not read")
                continue
            file = HOME / f"script.{shell}"
            file.write_text(script)
            done = subprocess.run([*check, file], capture_output=True, text=True, timeout=60 * SLOWER)
            self.assertEqual((done.returncode, done.stderr), (0, ""), shell)

    def test_every_command_has_a_man_page(self):
        folder = HOME / "man"
        folder.mkdir()
        self.assertEqual(assay("man", "--out", folder)[0], 0)
        expected = {command["command"].replace(" ", "-") + ".1" for command in all_commands(tree())}
        self.assertEqual({file.name for file in folder.iterdir()}, expected)
        self.assertEqual((folder / "assay-models-import.1").read_text(), assay("man", "models", "import")[1])
        self.assertEqual(assay("man", "nothing")[0], 2)
        if shutil.which("man") is None or shutil.which("groff") is None:
            self.skipTest("no man and groff here")
        for file in folder.iterdir():
            done = subprocess.run(["man", "--warnings=w", "-E", "UTF-8", "-l", "-P", "cat", file], capture_output=True, text=True, timeout=60 * SLOWER,
                                  env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), file.name)
            self.assertIn("SYNOPSIS", done.stdout)
        page = subprocess.run(["man", "-l", "-P", "cat", folder / "assay-run.1"], capture_output=True, text=True,
                              env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}).stdout
        self.assertIn("--max-tokens", page)


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    if not pathlib.Path(MODEL).exists():
        print(f"skipped: {MODEL} is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
