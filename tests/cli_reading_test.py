#!/usr/bin/env python3
"""Models by name, where other programs keep them, and what a folder's files say: as a user meets them.

    tests/cli_reading_test.py ASSAY MODEL.gguf
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

ASSAY, MODEL = "", ""
GOLDEN = pathlib.Path(__file__).resolve().parent / "golden"


class Reading(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.at = pathlib.Path(self.temporary.name)
        self.env = {**os.environ, "ASSAY_HOME": str(self.at / "home"), "HOME": str(self.at), "OLLAMA_MODELS": "", "HF_HOME": "", "HF_HUB_CACHE": "",
                    "XDG_CACHE_HOME": ""}

    def tearDown(self):
        self.temporary.cleanup()

    def run_it(self, *arguments, text="", **env):
        done = subprocess.run([ASSAY, *map(str, arguments)], input=text.encode(), capture_output=True, timeout=300 * SLOWER, env={**self.env, **env})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def does(self, *arguments, **more):
        code, out, err = self.run_it(*arguments, **more)
        self.assertEqual(code, 0, f"{arguments}: {out}{err}")
        return out

    def refused(self, code, words, *arguments, **more):
        got, out, err = self.run_it(*arguments, **more)
        self.assertEqual(got, code, f"{arguments}: {out}{err}")
        for word in words:
            self.assertIn(word, err)

    def folder(self, name="hf"):
        to = self.at / name
        to.mkdir(parents=True)
        for file in ("config.json", "model.safetensors"):
            shutil.copy(GOLDEN / "models" / "qwen2-bias" / file, to / file)
        return to

    # --- names

    def test_the_shipped_model_has_a_name_everywhere(self):
        self.assertIn("assay-small-q4_0", self.does("models", "list"))
        self.assertEqual(json.loads(self.does("models", "list", "--json"))["models"][0]["kept"], "shipped")
        for name in ("assay-small-q4_0", "assay-small-q4_0.gguf"):
            self.assertEqual(json.loads(self.does("models", "info", name, "--json"))["path"], str(MODEL))
        self.does("tokenize", "--model", "assay-small-q4_0", text="Hi")
        self.refused(1, ["comes with the program"], "models", "remove", "assay-small-q4_0")

    def test_an_unknown_name_is_answered_with_the_names_there_are(self):
        self.does("models", "import", MODEL, "--name", "mine")
        self.refused(2, ["by name there are assay-small-q4_0, mine; did you mean 'assay-small-q4_0'?"], "run", "hi", "--model", "asay-small-q4_0")

    def test_any_file_name_makes_a_name(self):
        path = self.at / "mein Modell ü.gguf"
        os.link(MODEL, path) if os.stat(MODEL).st_dev == os.stat(self.at).st_dev else shutil.copy(MODEL, path)
        self.assertIn("mein-Modell-u: ", self.does("models", "import", path))
        self.does("models", "verify", "mein-Modell-u")

    # --- files that changed

    def test_a_changed_file_is_told_at_every_use_until_it_is_accepted(self):
        path = self.at / "m.gguf"
        shutil.copy(MODEL, path)
        self.does("models", "import", path)
        with open(path, "r+b") as file:
            file.seek(path.stat().st_size // 2)
            file.write(b"\x01\x02")
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 10 ** 9))
        words = ["model \"m\"", "was written to since it was imported", "'assay models verify m'", "--accept"]
        for command in (("run", "hi", "-n", 1, "--model", "m"), ("tokenize", "--model", "m"), ("parity", "--model", "m"),
                        ("matrix", "--model", "m", "--engines", "direct"), ("models", "convert", "m", self.at / "x.gguf")):
            self.refused(1, words, *command)
        code, out, _ = self.run_it("models", "verify", "m")
        self.assertEqual((code, "SHA-256 is" in out), (1, True), out)
        self.does("models", "info", "m")
        self.assertIn("taken", self.does("models", "verify", "m", "--accept"))
        self.does("models", "verify", "m")
        self.does("tokenize", "--model", "m", text="a")

    def test_a_file_that_was_only_touched_is_taken_by_verify(self):
        path = self.at / "m.gguf"
        shutil.copy(MODEL, path)
        self.does("models", "import", path)
        os.utime(path, ns=(0, path.stat().st_mtime_ns + 10 ** 9))
        self.refused(1, ["was written to"], "tokenize", "--model", "m")
        self.does("models", "verify", "m")
        self.does("tokenize", "--model", "m", text="a")

    def test_a_file_that_is_gone_is_told(self):
        path = self.at / "m.gguf"
        shutil.copy(MODEL, path)
        self.does("models", "import", path, "--reference")
        path.unlink()
        self.refused(2, ["is gone", "'assay models remove m'"], "run", "hi", "--model", "m")
        self.does("models", "remove", "m")

    # --- verify and info

    def test_verify_without_a_name_is_all_of_them(self):
        path = self.at / "m.gguf"
        shutil.copy(MODEL, path)
        self.does("models", "import", path)
        for command in (("models", "verify", "--json"), ("models", "verify", "--all", "--json")):
            told = json.loads(self.does(*command))
            self.assertEqual([(m["name"], m["ok"], m["recorded"]) for m in told["models"]], [("assay-small-q4_0", True, False), ("m", True, True)])
        path.write_bytes(path.read_bytes()[:-5])
        code, out, _ = self.run_it("models", "verify")
        self.assertEqual(code, 1)
        self.assertIn("m: " + str(self.at / "home/models/m/m.gguf"), out)
        self.refused(1, ["--all: expected no names"], "models", "verify", "--all", "m")
        self.refused(1, ["--accept: expected the names"], "models", "verify", "--accept")
        self.refused(1, ["not in the store"], "models", "verify", "--accept", MODEL)

    def test_info_says_numbers_as_people_write_them(self):
        out = self.does("models", "info", self.folder())
        self.assertRegex(out, r"\b\d+\.\d K parameters")
        self.assertIn("rms_eps          1e-06", out)
        self.assertRegex(self.does("models", "info"), r"\d+\.\d M parameters")
        self.assertNotIn("e-07", self.does("models", "info", "--json"))
        self.assertIn("<|im_end|>", [end["text"] for end in json.loads(self.does("models", "info", "--json"))["tokenizer"]["ends"]])

    def test_a_model_that_lacks_a_tensor_is_broken_not_misspelt(self):
        folder = self.folder()
        data = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(data.replace(b"model.layers.0.mlp.up_proj.weight", b"model.layers.0.mlp.xx_proj.weight"))
        self.refused(1, ["bad value", "blk.0.ffn_up.weight"], "models", "info", folder)

    # --- types

    def test_types_are_understood_in_any_case(self):
        done = json.loads(self.does("models", "convert", self.folder(), self.at / "a.gguf", "--type", "Q8_0", "--no-vocabulary", "--json"))
        self.assertEqual(done["quant"], "q8_0")
        self.refused(1, ["q4_k_m", "did you mean q4_k?"], "models", "convert", self.at / "hf", self.at / "b.gguf", "--type", "q4_k_m")

    # --- elsewhere

    def test_ollamas_store_is_read_by_name(self):
        store = self.at / ".ollama/models"
        (store / "blobs").mkdir(parents=True)
        import hashlib
        digest = hashlib.sha256(pathlib.Path(MODEL).read_bytes()).hexdigest()
        shutil.copy(MODEL, store / "blobs" / f"sha256-{digest}")
        manifest = store / "manifests/registry.ollama.ai/library/small/1b"
        manifest.parent.mkdir(parents=True)
        manifest.write_text(json.dumps({"layers": [{"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:" + digest}]}))
        self.refused(2, ["there are small:1b"], "models", "import", "ollama:smal:1b")
        self.assertIn("small-1b: ", self.does("models", "import", "ollama:small:1b"))
        self.does("tokenize", "--model", "small-1b", text="a")
        self.does("models", "remove", "small-1b")
        with open(store / "blobs" / f"sha256-{digest}", "ab") as file:
            file.write(b"x")
        self.refused(1, ["expected " + digest], "models", "import", manifest)

    def test_hugging_faces_cache_is_read_by_name(self):
        repository = self.at / "hub/models--Owner--Small-Model"
        blobs, snapshot = repository / "blobs", repository / "snapshots/abc123"
        snapshot.mkdir(parents=True)
        blobs.mkdir()
        (repository / "refs").mkdir()
        (repository / "refs/main").write_text("abc123")
        for number, file in enumerate(("config.json", "model.safetensors")):
            shutil.copy(GOLDEN / "models/qwen2-bias" / file, blobs / str(number))
            (snapshot / file).symlink_to(f"../../blobs/{number}")
        self.assertIn("Small-Model: qwen2", self.does("models", "import", "hf:Owner/Small-Model", HF_HUB_CACHE=str(self.at / "hub")))
        self.does("models", "verify", "Small-Model")
        self.refused(2, ["there are Owner/Small-Model"], "models", "import", "hf:Owner/Other", HF_HUB_CACHE=str(self.at / "hub"))
        self.refused(2, ["ollama:NAME:TAG", "hf:OWNER/NAME"], "models", "import", "Owner/Small-Model")


if __name__ == "__main__":
    ASSAY, MODEL = sys.argv.pop(1), pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
