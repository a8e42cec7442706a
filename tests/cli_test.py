#!/usr/bin/env python3
"""What the program says to bad input: every refusal names the thing, and ends with the exit code of docs/commands.md.

    tests/cli_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import shlex
import signal
import subprocess
import sys
import tempfile
import time
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY, MODEL = "", ""


def assay(*arguments, text=None, env=None, limit=""):
    """(exit code, stdout, stderr) of one command in an empty $ASSAY_HOME."""
    command = [ASSAY, *map(str, arguments)]
    if limit:
        command = ["bash", "-c", f'ulimit {limit}; exec "$@"', "bash", *command]
    done = subprocess.run(command, input=text, capture_output=True, timeout=300 * SLOWER,
                          env={**os.environ, "ASSAY_HOME": str(HOME), **(env or {})})
    return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")


class Refusals(unittest.TestCase):
    def refused(self, code, words, *arguments, **more):
        got, out, err = assay(*arguments, **more)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err)
        self.assertNotIn("terminate called", err)

    def write(self, name, data):
        path = HOME / name
        path.write_bytes(data)
        return path

    def test_no_file(self):
        self.refused(2, ["/no/such/model.gguf", "no such file"], "run", "hi", "--model", "/no/such/model.gguf")

    def test_a_directory_without_a_model(self):
        self.refused(2, [str(HOME), "config.json"], "run", "hi", "--model", HOME)

    def test_a_picture(self):
        path = self.write("picture.gguf", b"\x89PNG\r\n\x1a\n" + bytes(64))
        self.refused(1, [path.name, "not a GGUF file", "PNG"], "run", "hi", "--model", path)

    def test_an_empty_file(self):
        self.refused(1, ["empty.gguf", "empty"], "run", "hi", "--model", self.write("empty.gguf", b""))

    def test_a_cut_model(self):
        data = pathlib.Path(MODEL).read_bytes()
        for share in (0.0001, 0.5, 0.999):
            path = self.write("cut.gguf", data[:int(len(data) * share)])
            self.refused(1, ["truncated", "cut.gguf"], "run", "hi", "--model", path)

    def test_another_architecture(self):
        data = bytearray(pathlib.Path(MODEL).read_bytes())
        at = data.index(b"qwen3", data.index(b"general.architecture"))
        data[at:at + 5] = b"gemma"
        self.refused(1, ["gemma", "architecture"], "run", "hi", "--model", self.write("other.gguf", bytes(data)))

    def test_a_prompt_longer_than_the_context(self):
        self.refused(1, ["context holds 64", "tokens"], "run", "--raw", "word " * 200, "--context", 64, "--model", MODEL)

    def test_settings_out_of_range(self):
        self.refused(2, ["--temp", "met -1", "0 to 100"], "run", "--raw", "hi", "--temp=-1", "--model", MODEL)
        self.refused(1, ["--kv", "q3"], "run", "hi", "--kv", "q3", "--model", MODEL)
        self.refused(1, ["ASSAY_ISA", "sse9"], "run", "hi", "--model", MODEL, env={"ASSAY_ISA": "sse9"})
        self.refused(1, ["do not fit"], "matrix", "--prompt", 100000, "--model", MODEL)

    def test_usage(self):
        self.refused(2, ["--colour"], "run", "--colour", "red")
        self.refused(2, ["a command is missing", "matrix"])
        self.refused(2, ["--context"], "run", "hi", "--context", "many")

    def test_a_context_of_one_position_and_absurd_threads(self):
        self.refused(2, ["--context", "met 1,", "from 2"], "run", "hi", "--context", 1, "--model", MODEL)
        self.refused(2, ["--threads", "met 100000", "0 to 1024"], "run", "hi", "--threads", 100000, "--model", MODEL)
        self.refused(2, ["--threads", "met 1000000", "0 to 1024"], "models", "synth", "qwen3-0.6b", "--threads", 1000000, "--out", HOME / "x")

    def test_an_empty_prompt_is_named(self):
        self.refused(1, ["the prompt is empty"], "run", "", "--model", MODEL, text=b"not read")
        self.refused(1, ["stdin is empty"], "run", "--model", MODEL, text=b"")

    def test_an_option_that_would_be_ignored_is_refused(self):
        self.refused(2, ["--raw"], "run", "hi", "--parse-special", "--model", MODEL)
        self.refused(2, ["--raw"], "run", "hi", "--raw", "--system", "x", "--model", MODEL)
        self.refused(2, ["--text"], "parity", "--tokens", "1", "--text", "x", "--model", MODEL)
        self.refused(2, ["--dump"], "parity", "--tokens", "1", "--logits-of", "reference", "--model", MODEL)
        self.refused(2, ["--tokens"], "parity", "--tokens", "", "--model", MODEL)
        self.refused(2, ["--context"], "run", "hi", "--context", "", "--model", MODEL)
        self.refused(2, ["--temp"], "run", "hi", "--temp", "", "--model", MODEL)
        self.refused(2, ["--seed", "-1"], "run", "hi", "--seed", "-1", "--model", MODEL)
        self.refused(2, ["--max-tokens", "from 1"], "run", "hi", "-n", 0, "--model", MODEL)
        self.refused(2, ["--quant", "--shape"], "matrix", "--quant", "q8_0", "--model", MODEL)

    def test_an_interrupted_synthesis_leaves_nothing_behind(self):
        folder = HOME / "interrupted"
        folder.mkdir()
        for number in (signal.SIGINT, signal.SIGTERM):
            child = subprocess.Popen([ASSAY, "models", "synth", "qwen3-4b", "--out", folder / "big.gguf"], stderr=subprocess.PIPE)
            while not list(folder.iterdir()):
                self.assertIsNone(child.poll(), "ended before it was interrupted")
                time.sleep(0.01)
            child.send_signal(number)
            self.assertIn(b"cancelled", child.communicate(timeout=60 * SLOWER)[1])
            self.assertEqual(child.returncode, 1)
            self.assertEqual(list(folder.iterdir()), [])

    def test_engines_of_a_matrix_are_named_well_or_refused(self):
        self.refused(1, ["foo@", "NAME@VERSION"], "matrix", "--engines", "foo@", "--model", MODEL)
        self.refused(1, ["direct", "twice"], "matrix", "--engines", "direct,direct", "--model", MODEL)
        self.refused(1, ["direct:cuda", "CPU"], "matrix", "--engines", "direct:cuda", "--model", MODEL)
        self.refused(1, ["gopher"], "matrix", "--engines", "direct", "--upstream", "gopher", "--model", MODEL)
        self.refused(2, ["no/such/key"], "matrix", "--engines", "direct", "--upstream-key-file", "no/such/key", "--model", MODEL)
        self.refused(2, ["llama.cpp@9", "not installed", "assay engines install"], "run", "hi", "--engine", "llama.cpp@9",
                     "--model", MODEL)

    def test_an_engine_of_parity_is_installed_and_gives_logits(self):
        for command in (["parity", "--tokens", "1,2"], ["run", "hi"]):
            self.refused(2, ["gopher", "direct, llama.cpp, mlx", "installed: none"], *command, "--engine", "gopher", "--model", MODEL)
            self.refused(2, ["mlx", "assay engines install mlx"], *command, "--engine", "mlx:cpu", "--model", MODEL)
            self.refused(1, ["metalrt", "no logits"], *command, "--engine", "metalrt", "--model", MODEL)
            self.refused(1, ["upstream:ollama", "no logits"], *command, "--engine", "upstream:ollama", "--model", MODEL)
            self.refused(1, ["direct:cuda", "on the CPU"], *command, "--engine", "direct:cuda", "--model", MODEL)
            self.refused(1, ["direct@2", "on the CPU"], *command, "--engine", "direct@2", "--model", MODEL)
            self.refused(1, ["expected NAME"], *command, "--engine", "", "--model", MODEL)
        self.refused(1, ["--logits-of", "engine or reference"], "parity", "--tokens", "1", "--logits-of", "mlx", "--dump",
                     HOME / "x.npy", "--model", MODEL)

    def test_direct_may_be_named_with_its_device(self):
        code, out, err = assay("parity", "--tokens", "1,2,3", "--engine", "direct:cpu", "--json", "--model", MODEL)
        self.assertEqual(code, 0, err)
        parity = json.loads(out)
        self.assertEqual({key: parity[key] for key in ("engine", "device", "holds")}, {"engine": "direct", "device": "cpu", "holds": True})
        self.assertEqual(parity["decode"]["positions"], 2, "of three tokens two stand behind another")
        self.assertLess(parity["rms_times"], 1.5)
        self.assertEqual((parity["self"]["tokens"], parity["self"]["max_abs"]), (528, 0), "direct gives every bit again")

    def test_parity_of_one_token_has_no_decode_and_says_what_does_not_hold(self):
        code, out, err = assay("parity", "--tokens", "1", "--self-length", 0, "--json", "--model", MODEL)
        self.assertEqual(code, 0, err)
        parity = json.loads(out)
        self.assertIsNone(parity["decode"])
        self.assertIsNone(parity["self"])
        code, out, err = assay("parity", "--tokens", "1,2,3,4", "--self-length", 20, "--model", MODEL)
        self.assertIn("behind 4 tokens, 16 decoded against one batch: every bit is equal", out)

    def test_a_server_that_says_ok_and_gives_no_token_is_named_at_once(self):
        server = subprocess.Popen([sys.executable, "-u", pathlib.Path(__file__).with_name("upstream_server.py")],
                                  stdout=subprocess.PIPE, text=True)
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.kill)
        port = int(server.stdout.readline().split()[1])
        short = ["--prompt", 8, "--output", 4, "--rounds", 1, "--parity-positions", 0, "--no-record", "--json", "--model", MODEL]
        url = f"http://127.0.0.1:{port}"
        began = time.monotonic()
        code, out, err = assay("matrix", "--engines", "direct", "--upstream", f"openai={url}/silent", "--upstream-wait", "1s",
                               *short)
        self.assertLess(time.monotonic() - began, 20 * SLOWER)  # it would have been silent for 30 s
        self.assertEqual(code, 0, err)
        rows = json.loads(out)["rows"]
        self.assertEqual([(row["engine"], row["status"]) for row in rows], [("direct", "ok"), ("openai", "refused")])
        self.assertIn(f"no token within 1000 ms: {url}/silent takes requests and does not answer", rows[1]["reason"])
        for wrong in ("0", "2h", "soon"):
            self.refused(2, ["--upstream-wait", wrong], "matrix", "--engines", "direct", "--upstream-wait", wrong, *short)

    def test_the_command_of_a_record_can_be_pasted_into_a_shell(self):
        model = HOME / "a model's copy.gguf"
        os.symlink(os.path.abspath(MODEL), model)
        self.addCleanup(model.unlink)
        arguments = ["matrix", "--engines", "direct", "--prompt", "8", "--output", "4", "--rounds", "1", "--parity-positions", "0",
                     "--no-record", "--json", "--model", str(model)]
        code, out, err = assay(*arguments)
        self.assertEqual(code, 0, err)
        self.assertEqual(shlex.split(json.loads(out)["command"]), ["assay", *arguments])

    def test_a_folder_in_place_of_a_text(self):
        self.refused(1, [str(HOME), "directory"], "parity", "--text", HOME, "--model", MODEL)

    def test_a_result_file_that_cannot_be_written_is_met_before_the_work(self):
        self.refused(2, ["/no/such/m.csv"], "matrix", "--rounds", 1000, "--csv", "/no/such/m.csv", "--model", MODEL)
        self.refused(2, ["/no/such/x.npy"], "parity", "--dump", "/no/such/x.npy", "--model", MODEL)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_output_that_is_lost_is_never_success(self):
        commands = [["--help"], ["doctor"], ["doctor", "--json"], ["run", "hi", "--model", MODEL],
                    ["run", "hi", "--json", "--model", MODEL], ["tokenize", "--model", MODEL]]
        for command in commands:
            with open("/dev/full", "wb") as full:
                done = subprocess.run([ASSAY, *command], stdin=subprocess.DEVNULL, stdout=full, stderr=subprocess.PIPE,
                                      env={**os.environ, "ASSAY_HOME": str(HOME)}, timeout=300 * SLOWER)
            self.assertEqual(done.returncode, 1, command)
            self.assertIn(b"stdout cannot be written", done.stderr, command)
        self.refused(1, ["/dev/full"], "parity", "--tokens", "1", "--dump", "/dev/full", "--model", MODEL)
        self.assertTrue(pathlib.Path("/dev/full").is_char_device())

    def test_a_closed_stdout_is_never_success(self):
        done = subprocess.run(["bash", "-c", 'exec "$@" >&-', "bash", ASSAY, "run", "hi", "--model", MODEL],
                              capture_output=True, timeout=300 * SLOWER)
        self.assertEqual(done.returncode, 1)

    def test_a_reader_that_leaves_ends_the_program_quietly(self):
        done = subprocess.run(["bash", "-c", '"$@" | head -c 1; exit ${PIPESTATUS[0]}', "bash", ASSAY, "run", "--raw",
                               "Once", "--max-tokens", "300", "--model", MODEL], capture_output=True, timeout=300 * SLOWER)
        self.assertIn(done.returncode, (0, 128 + 13))
        self.assertEqual(done.stderr, b"")

    def test_tokens_outside_the_vocabulary(self):
        self.refused(1, ["99999999"], "parity", "--tokens", "1,99999999", "--model", MODEL)

    def test_errors_are_json_when_asked(self):
        code, out, _ = assay("run", "hi", "--json", "--model", "/no/such/model.gguf")
        self.assertEqual(code, 2)
        self.assertEqual(json.loads(out)["error"]["code"], "not found")
        code, out, _ = assay("run", "--colour", "red", "--json")
        self.assertEqual((code, json.loads(out)["error"]["code"]), (2, "usage"))


class Answers(unittest.TestCase):
    def test_the_same_seed_gives_the_same_text_and_another_seed_another(self):
        ask = ["run", "--raw", "Tell me a story.", "--temp", 1, "--max-tokens", 40, "--json", "--model", MODEL, "--seed"]
        one, two, three = (json.loads(assay(*ask, seed)[1])["text"] for seed in (7, 7, 8))
        self.assertEqual(one, two)
        self.assertNotEqual(one, three)

    def test_a_matrix_that_keeps_prompts_has_parity_as_well(self):
        # The first request's prompt stays in the engine's cache; parity must find the engine empty all the same.
        code, out, err = assay("matrix", "--engines", "direct", "--cached", "--rounds", 1, "--prompt", 32, "--output", 4, "--json",
                               "--no-record", "--model", MODEL)
        self.assertEqual(code, 0, err)
        for row in json.loads(out)["rows"]:
            self.assertTrue(row["parity"]["holds"], row["parity_reason"])

    def test_threads_and_instruction_sets_do_not_change_greedy_text(self):
        ask = ["run", "--raw", "Name three animals.", "--max-tokens", 30, "--json", "--model", MODEL]
        texts = {json.loads(assay(*ask, "--threads", n)[1])["text"] for n in (1, 2, 3)}
        for isa in ("portable", "avx2", "avx512"):
            code, out, err = assay(*ask, env={"ASSAY_ISA": isa})
            if code == 0:
                texts.add(json.loads(out)["text"])
            else:
                self.assertIn("this machine runs", err)  # the only reason not to answer
                self.assertNotEqual(isa, "portable")
        self.assertEqual(len(texts), 1)

    def test_stop_text_is_not_shown(self):
        code, out, _ = assay("run", "--raw", "Once upon a time there was a", "--max-tokens", 60, "--stop", ".", "--json",
                             "--model", MODEL)
        self.assertEqual(code, 0)
        answer = json.loads(out)
        self.assertNotIn(".", answer["text"])
        self.assertEqual(answer["finish"], "stop_text")

    def test_a_stop_text_before_the_prompt_does_not_swallow_it(self):
        code, out, err = assay("run", "--max-tokens", 4, "--stop", "zzz", "--stop", "yyy", "hi", "--json", "--model", MODEL)
        self.assertEqual(code, 0, err)
        self.assertNotEqual(json.loads(out)["text"], "")

    def chat(self, text, *arguments, **more):
        return assay("chat", "--max-tokens", 4, *arguments, "--model", MODEL, text=text, **more)

    def test_chat_reads_lines_of_any_system_and_a_last_one_without_an_end(self):
        self.assertEqual(self.chat(b"/temp 0\r\n/exit\r\n/never\r\n"), (0, "", "temp 0\n"))
        for text in (b"hi", b"hi\\", b"hi\\\nthere\\\n"):
            code, out, err = self.chat(text)
            self.assertEqual(code, 0, err)
            self.assertNotEqual(out.strip(), "", text)

    def test_chat_refuses_a_setting_at_once_and_keeps_the_old_one(self):
        for line in ("/temp nan", "/temp inf", "/temp 500", "/temp", "/temp -1", "/max 0", "/max -1", "/max 4294967296",
                     "/max 1.5", "/seed 18446744073709551616", "/seed 1e30", "/seed -1"):
            code, out, err = self.chat(f"{line}\nhi\n".encode())
            self.assertEqual(code, 1, line)
            self.assertIn("bad value", err, line)
            self.assertNotEqual(out.strip(), "", line)
        self.assertEqual(self.chat(b"/seed 18446744073709551615\n/max 4294967295\n"),
                         (0, "", "seed 18446744073709551615\nmax-tokens 4294967295\n"))

    def test_a_model_cannot_send_control_bytes_to_the_terminal(self):
        data = bytearray(pathlib.Path(MODEL).read_bytes())
        at = data.index(b"general.name") + len("general.name") + 4 + 8  # type and length of the value
        data[at:at + 1] = b"\x1b"
        path = HOME / "escape.gguf"
        path.write_bytes(data)
        code, out, err = assay("models", "info", path)
        self.assertEqual(code, 0, err)
        self.assertNotIn("\x1b", out)
        self.assertIn("general.name", out)

    def test_models_have_a_home_without_the_variable(self):
        bare = {"PATH": os.environ["PATH"]}
        done = subprocess.run([ASSAY, "doctor", "--json"], capture_output=True, env=bare, timeout=300 * SLOWER)
        home = next(f["text"] for f in json.loads(done.stdout)["findings"] if f["check"] == "home")
        self.assertTrue(home.startswith("/"), home)

    def test_doctor_names_no_innocent_python_program(self):
        sleeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(100)  # exotic films, vllm, assay"])
        script = HOME / "mlx_lm.server"
        script.write_text("import time; time.sleep(100)")
        server = subprocess.Popen([sys.executable, script])
        try:
            text = assay("doctor")[1]
            self.assertNotIn(f"pid {sleeper.pid},", text)
            if sys.platform == "linux" and os.path.basename(os.path.realpath(f"/proc/{server.pid}/exe")).startswith("python"):
                self.assertIn(f"pid {server.pid},", text)
        finally:
            for process in (sleeper, server):
                process.kill()
                process.wait()

    def test_stdin_is_the_prompt_where_none_is_given(self):
        code, out, err = assay("run", "--raw", "--max-tokens", 4, "--json", "--model", MODEL, text=b"Once upon a time")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["usage"]["output_tokens"], 4)

    def test_a_matrix_has_the_fields_of_its_schema(self):
        code, out, err = assay("matrix", "--prompt", 32, "--output", 8, "--rounds", 2, "--json", "--csv", HOME / "m.csv",
                               "--model", MODEL)
        self.assertEqual(code, 0, err)
        matrix = json.loads(out)
        self.assertEqual(set(matrix["ceilings"]), {"read_gb_s", "int8_gmac_s", "device_gb_s", "device_cache_bytes", "read_pattern", "int8_path", "device_pattern", "cores_missing"})
        self.assertEqual(len(matrix["artifact"]["sha256"]), 64)
        row = matrix["rows"][0]
        self.assertEqual((row["engine"], row["status"]), ("direct", "ok"))
        for field in ("prefill_tok_s", "decode_tok_s", "ttft_ms"):
            self.assertEqual(set(row[field]), {"median", "low", "high", "n", "coverage"})
            self.assertLessEqual(row[field]["low"], row[field]["median"])
            self.assertLessEqual(row[field]["median"], row[field]["high"])
            self.assertEqual(row[field]["n"], 2)
        self.assertTrue(row["parity"]["holds"])
        self.assertGreaterEqual(row["parity"]["top1"], 0.9)
        for other in matrix["rows"][1:]:  # nothing is installed in this home
            self.assertEqual(other["status"], "refused")
            self.assertIn("assay engines install " + other["engine"], other["reason"])
        self.assertEqual({row["engine"] for row in matrix["rows"]}, {"direct", "llama.cpp", "mlx"})
        self.assertEqual(len((HOME / "m.csv").read_text().splitlines()), 1 + len(matrix["rows"]))


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv[1:3]
    if not pathlib.Path(MODEL).exists():
        print(f"skipped: {MODEL} is not there")
        sys.exit(77)
    with tempfile.TemporaryDirectory() as folder:
        HOME = pathlib.Path(folder)
        unittest.main(argv=sys.argv[:1], verbosity=1)
