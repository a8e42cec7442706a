#!/usr/bin/env python3
"""assay chat on a terminal: what keys, pastes, sizes and signals do, as a person would see it.

    tests/cli_terminal_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

try:
    from terminal_screen import Screen
except ImportError as missing:
    print(f"skipped: {missing}: run tools/setup test")
    sys.exit(77)

ASSAY, MODEL = "", ""
FAMILY = "\U0001F468\u200D\U0001F469\u200D\U0001F467"


class Chat(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.home = pathlib.Path(folder.name)

    def start(self, *arguments, slow=False, **more):
        short = [] if "--max-tokens" in arguments else ["--max-tokens", 3]
        screen = Screen([ASSAY, "chat", *short, "--model", MODEL, *arguments],
                        {"ASSAY_HOME": str(self.home), **({"ASSAY_ISA": "portable"} if slow else {})}, **more)
        self.addCleanup(screen.close)
        screen.until(lambda text: text.endswith(">"), "the prompt")
        return screen

    def asked(self, screen):
        """Presses enter, waits for the answer and gives the questions of the conversation."""
        self.answered(screen, "\r")
        return self.questions(screen)

    @staticmethod
    def answered(screen, keys):
        """Sends what ends a question and waits for the prompt behind its answer."""
        def prompts(text):
            return sum(line.startswith(">") for line in text.splitlines())
        before = prompts(screen.text())
        screen.send(keys)
        screen.until(lambda text: text.endswith("\n>") and prompts(text) > before, "the next prompt")

    def questions(self, screen):
        file = self.home / f"saved{len(list(self.home.iterdir()))}.json"
        self.answered(screen, f"/save {file}\r")
        return [m["content"] for m in json.loads(file.read_text())["messages"] if m["role"] == "user"]

    def typed(self, *keys):
        screen = self.start()
        for key in keys:
            screen.send(key)
            screen.taken()  # keys of a person come one by one
        return self.asked(screen)

    def test_a_key_that_is_not_bound_leaves_no_text(self):
        for key in ("\x1b[1;5C", "\x1b[15~", "\x1bOP", "\x1b[[A", "\x1b[1;2P", "\x1b[2~", "\x1b[200", "\x1b[<0;1;1M", "\x1bq"):
            with self.subTest(key=key.encode()):
                self.assertEqual(self.typed("ab", key + ("~\x1b[201~" if key == "\x1b[200" else ""), "z"), ["abz"])

    def test_home_and_end_are_known_as_every_terminal_sends_them(self):
        for home, end in (("\x1b[1~", "\x1b[4~"), ("\x1b[H", "\x1b[F"), ("\x1bOH", "\x1bOF"), ("\x1b[7~", "\x1b[8~")):
            self.assertEqual(self.typed("bc", home, "a", end, "d"), ["abcd"])

    def test_a_bracketed_paste_is_one_question(self):
        self.assertEqual(self.typed(b"\x1b[200~line one\rline two\rline three\x1b[201~"), ["line one\nline two\nline three"])
        self.assertEqual(self.typed(b"\x1b[200~one\r\n\ttwo\r\n\x1b[201~"), ["one\n\ttwo"])
        self.assertEqual(self.typed("ask: ", b"\x1b[200~/exit\x1b[201~"), ["ask: /exit"])

    def test_a_paste_without_marks_is_one_question(self):
        screen = self.start()
        self.answered(screen, "line one\rline two\r\rline three\r")
        self.assertEqual(self.questions(screen), ["line one\nline two\n\nline three"])

    def test_a_large_paste_is_whole(self):
        text = "\r".join(f"line {i} of a long text" for i in range(300))
        screen = self.start("--context", 100)
        sent = 0
        data = b"\x1b[200~" + text.encode() + b"\x1b[201~"
        while sent < len(data):
            sent += os.write(screen.fd, data[sent:sent + 2048])
            screen.read(0)
        screen.until_shown("line 299 of a long text")
        screen.send("\r")
        screen.until_shown("this question alone is too long")
        history = (self.home / "chat_history").read_text()
        self.assertEqual(history, text.replace("\r", "\\n") + "\n")

    def test_commands_typed_ahead_are_lines_of_their_own(self):
        screen = self.start()
        screen.send("/temp 0\rhello there\r/exit\r")
        self.assertEqual(screen.ended(), 0)
        self.assertIn("hello there", screen.text())

    def test_a_text_of_several_lines_is_edited(self):
        self.assertEqual(self.typed("one\\", "\r", "twx", "\x7f", "o"), ["one\ntwo"])
        self.assertEqual(self.typed("one", "\x1b\r", "two", "\x1b[A", "\x1b[H", "zero "), ["zero one\ntwo"])
        self.assertEqual(self.typed('"""', "\r", "one\\", "\r", "\r", "two", "\r", '"""'), ["one\\\n\ntwo"])

    def test_wide_joined_and_combining_characters_are_edited_whole(self):
        self.assertEqual(self.typed("a" + FAMILY + "b", "\x1b[D", "\x7f", "c"), ["acb"])
        self.assertEqual(self.typed("\u4f60\u597d", "\x1b[D", "x"), ["\u4f60x\u597d"])
        self.assertEqual(self.typed("e\u0301", "\x7f", "x"), ["x"])

    def test_the_line_on_the_screen_is_the_line_under_edit(self):
        screen = self.start(columns=40)
        screen.send("x" + FAMILY + "yz \u4f60\u597d end")
        screen.until_shown("end")
        for _ in range(7):
            screen.send("\x1b[D")
        screen.send("\x7f\x7f")
        line = screen.until(lambda text: "z" not in text.splitlines()[-1], "z erased").splitlines()[-1]
        self.assertTrue(line.startswith("> x"), line)
        self.assertEqual(line.count("\U0001F468"), 1)
        self.assertIn("\u4f60", line)
        self.assertTrue(line.endswith("end"), line)

    @staticmethod
    def joined(text):
        return "".join(text.split())  # a row's last spaces are not seen

    def test_no_text_is_lost_when_the_window_changes_its_width(self):
        text = "The quick brown fox jumps over the lazy dog, twice and thrice."
        for answers in (False, True):
            screen = self.start(rows=24, columns=100, answers=answers)
            screen.send(text)
            screen.until_shown(text)
            for columns, key in ((60, "1"), (40, "2"), (23, "3"), (90, "4"), (30, "5"), (100, "6")):
                screen.resize(24, columns)
                screen.send(key)
                text += key
                screen.until(lambda now: self.joined(now).endswith(self.joined(">" + text)) and self.joined(now).count("Thequick") == 1,
                             f"all of it at {columns} columns")
            self.assertEqual(self.asked(screen), [text])
            text = text[:-6]

    def test_a_text_higher_than_the_window_is_edited_and_left_whole(self):
        screen = self.start(rows=6)
        for i in range(12):
            screen.send(f"line {i}")
            screen.send("\x1b\r")
            screen.taken()
        screen.send("last")
        screen.until_shown("last")
        screen.send("\x1b<top ")
        screen.until_shown("top line 0")
        screen.send("\x1b>")
        expected = "top " + "\n".join(f"line {i}" for i in range(12)) + "\nlast"
        self.assertEqual(self.asked(screen), [expected])

    def test_history_is_kept_for_the_owner_alone_and_searched(self):
        screen = self.start()
        for question in ("first thing", "second thing"):
            screen.send(question)
            self.asked(screen)
        file = self.home / "chat_history"
        self.assertEqual(stat.S_IMODE(file.stat().st_mode), 0o600)
        screen.send("/exit\r")
        self.assertEqual(screen.ended(), 0)
        screen = self.start()
        screen.send("\x12first")
        screen.until_shown("(search: first) first thing")
        screen.send("\x1b[F!")
        screen.until_shown("> first thing!")
        self.assertEqual(self.asked(screen), ["first thing!"])
        screen.send("\x12nowhere")
        screen.until_shown("nothing found: nowhere")
        screen.send("\x07draft\x1b[A\x1b[A\x1b[A")
        screen.until(lambda text: text.endswith("> /exit"), "an entry")
        screen.send("\x1b[B\x1b[B\x1b[B")
        screen.until(lambda text: text.endswith("> draft"), "the draft again")

    def test_ctrl_c_throws_a_text_away_and_ctrl_d_leaves_an_empty_line(self):
        screen = self.start()
        screen.send("not this\x03")
        screen.until_shown("not this^C")
        screen.send("\x04")
        self.assertEqual(screen.ended(), 0)
        self.assertTrue(screen.echoes())

    def test_what_is_typed_during_an_answer_stands_at_the_next_prompt(self):
        screen = self.start("--max-tokens", 40, "--min-tokens", 40, slow=True)
        screen.send("tell me a story\r")
        screen.until_behind("> tell me a story")
        self.assertFalse(screen.echoes())
        screen.send("typed ahead")
        screen.until(lambda text: text.endswith("> typed ahead"), "what was typed")
        self.assertEqual(screen.text().count("typed ahead"), 1)

    def test_ctrl_c_stops_an_answer(self):
        screen = self.start("--max-tokens", 1000, "--min-tokens", 1000, "--context", 1024, slow=True)
        screen.send("tell me a story\r")
        screen.until_behind("> tell me a story")
        screen.send("\x03")
        screen.until_shown("[stopped]")
        screen.until(lambda text: text.endswith("\n>"), "the next prompt")

    def test_ctrl_c_stops_the_pass_over_a_long_prompt_and_the_talk_goes_on(self):
        screen = self.start("--threads", 1, "--batch", 1024, slow=True)  # seconds in one pass
        screen.send("many words and more of them " * 140 + "end")
        screen.until(lambda text: text.endswith("of them end"), "the question")
        screen.send("\r")
        screen.until_signals()
        screen.send("\x03")
        shown = screen.until(lambda text: text.endswith("\n>"), "the next prompt")
        self.assertRegex(shown, r"of them end\n+\[stopped\]\n>$")
        self.answered(screen, "/undo\r")
        self.answered(screen, "hello\r")
        self.assertEqual(self.questions(screen), ["hello"])

    def test_ctrl_c_stops_the_loading_of_another_model_and_the_one_before_goes_on(self):
        config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 1024, "num_hidden_layers": 4,
                  "num_attention_heads": 16, "num_key_value_heads": 4, "head_dim": 64, "intermediate_size": 24576,
                  "vocab_size": 1000, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "max_position_embeddings": 8192,
                  "hidden_act": "silu", "tie_word_embeddings": False}
        (self.home / "config.json").write_text(json.dumps(config))
        big = self.home / "big.gguf"
        subprocess.run([ASSAY, "models", "synth", "--config", self.home / "config.json", "--out", big], check=True,
                       capture_output=True)
        screen = self.start()
        screen.send(f"/model {big}\r")
        screen.until_behind("big.gguf")
        screen.send("\x03")
        screen.until(lambda text: "cancelled" in text and text.endswith("\n>"), "the next prompt")
        self.answered(screen, "/model\r")
        self.assertRegex(screen.text(), r"/model\nassay-small-q4_0, direct")
        self.answered(screen, "hello\r")
        self.assertEqual(self.questions(screen), ["hello"])

    def test_the_terminal_is_as_it_was_after_every_end(self):
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGSEGV, signal.SIGPIPE):
            with self.subTest(signal=number.name):
                screen = self.start()
                self.assertFalse(screen.echoes())
                os.kill(screen.pid, number)
                code = screen.ended()
                # Under a sanitizer, a crash ends by its own report.
                self.assertTrue(code == -number or number in (signal.SIGSEGV, signal.SIGABRT), code)
                self.assertTrue(screen.echoes())
                self.assertTrue(screen.raw.rstrip().endswith(b"\x1b[?2004l") or number == signal.SIGSEGV)
        screen = self.start()
        screen.send("\x1c")  # ctrl-backslash
        self.assertEqual(screen.ended(), -signal.SIGQUIT)
        self.assertTrue(screen.echoes())

    def test_the_terminal_is_as_it_was_after_a_signal_in_the_midst_of_an_answer(self):
        screen = self.start("--max-tokens", 1000, "--min-tokens", 1000, "--context", 1024, slow=True)
        screen.send("tell me a story\r")
        screen.until_behind("> tell me a story")
        os.kill(screen.pid, signal.SIGTERM)
        self.assertEqual(screen.ended(), -signal.SIGTERM)
        self.assertTrue(screen.echoes())

    def test_a_stop_gives_the_terminal_to_the_shell_and_going_on_shows_the_line_again(self):
        screen = Screen(["bash", "--norc", "--noprofile", "-i"], {"ASSAY_HOME": str(self.home), "PS1": "shell: ", "HISTFILE": ""})
        self.addCleanup(screen.close)
        screen.until_shown("shell:")
        screen.send(f"{ASSAY} chat --model {MODEL} --max-tokens 3\r")
        screen.until(lambda text: text.endswith("\n>"), "the prompt")
        screen.send("half a line")
        screen.until_shown("> half a line")
        screen.send("\x1a")
        screen.until(lambda text: "Stopped" in text and text.rstrip().endswith("shell:"), "the shell")
        screen.send("echo $((6 * 7))\r")
        screen.until_shown("\n42\n")
        screen.send("fg\r")
        screen.until(lambda text: text.endswith("> half a line"), "the line again")
        screen.send(" and more")
        screen.until_shown("> half a line and more")
        screen.send("\x15\x04")
        screen.until(lambda text: text.rstrip().endswith("shell:"), "the shell")
        screen.send("exit\r")
        screen.ended()

    def test_answers_are_broken_between_words(self):
        screen = self.start("--max-tokens", 60, "--min-tokens", 60, columns=30)
        self.answered(screen, "Tell me a story.\r")
        file = self.home / "talk.json"
        lines = screen.lines()
        self.answered(screen, f"/save {file}\r")
        answer = json.loads(file.read_text())["messages"][-1]["content"]
        begin = next(i for i, line in enumerate(lines) if line == "> Tell me a story.") + 1
        shown = lines[begin:-1]
        shown = shown[:next((i for i, line in enumerate(shown) if line.startswith("[")), len(shown))]
        self.assertGreater(len(shown), 2)
        self.assertEqual(" ".join(shown).split(), answer.split())

    def test_tab_completes_commands_settings_and_files(self):
        screen = self.start()
        screen.send("/te\t")
        screen.until_shown("> /temp")
        screen.send("0.5\r")
        screen.until_shown("temp 0.5")
        screen.send("/s\t")
        screen.until(lambda text: "/system" in text and "/stats" in text, "both commands")
        screen.send("\x15/set top\t\t")
        screen.until_shown("top-p")
        (self.home / "a long name.json").write_text("[]")
        (self.home / "folder").mkdir()
        screen.send(f"\x15/load {self.home}/fol\t")
        screen.until_shown("/folder/")

    def test_the_first_line_says_what_runs(self):
        screen = self.start("--temp", "0.7", "--seed", 5, "--context", 128)
        self.assertRegex(screen.text(), r"assay-small-q4_0, direct [0-9.]+, context 128, temperature 0.7, seed 5\n")

    def test_a_terminal_without_keys_gets_plain_lines(self):
        screen = Screen([ASSAY, "chat", "--max-tokens", 3, "--model", MODEL], {"ASSAY_HOME": str(self.home), "TERM": "dumb"})
        self.addCleanup(screen.close)
        screen.until(lambda text: "/help" in text, "the first line")
        self.assertTrue(screen.echoes())
        screen.send("/exit\r")
        self.assertEqual(screen.ended(), 0)
        self.assertNotIn(b"\x1b", screen.raw)


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    if not pathlib.Path(MODEL).exists():
        print(f"skipped: {MODEL} is not there")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]], verbosity=1)
