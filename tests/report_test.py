#!/usr/bin/env python3
"""Pages and Markdown tables that `assay matrix --from RECORD` draws, read by a parser that is not ours.

usage: tests/report_test.py ASSAY [MODEL]
"""
import base64
import hashlib
import html.parser
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
RECORDS = TOP / "tests/golden/records"
ASSAY = ""
MODEL = ""
PAGE_BYTES_MAX = 300_000  # of these records; the largest has four rows with every part
VOID = {"meta", "br"}
LOADS = {"img", "link", "iframe", "object", "embed", "image", "use", "video", "audio", "source", "base", "form"}


class Page(html.parser.HTMLParser):
    """Every tag closed in order, every attribute once; texts by element."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.text, self.scripts, self.meta, self.tags = [], [], [], [], {}, []
        self.records, self.styles, self.links, self.kind = [], [], [], ""
        self.feed(text)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        names = [name for name, _ in attributes]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice"
        assert tag not in LOADS, f"<{tag}> could load something"
        for name, value in attributes:
            assert not name.startswith("on") and name not in {"src", "srcset", "style", "xlink:href"}, f"<{tag} {name}>"
            if name == "href":
                assert tag == "a" and value.startswith("#"), f"<{tag} href={value}> leads out of the page"
                self.links.append(value[1:])
            if name == "id":
                assert value not in self.ids, f"id {value} twice"
                self.ids.append(value)
        if tag == "meta":
            self.meta[dict(attributes).get("http-equiv", dict(attributes).get("name"))] = dict(attributes).get("content")
        if tag == "script":
            self.kind = dict(attributes).get("type", "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> where {self.open[-1:]} is open"
        self.open.pop()

    def handle_data(self, data):
        if "script" in self.open:
            (self.records if self.kind == "application/json" else self.scripts).append(data)
        elif "style" in self.open:
            self.styles.append(data)
        else:
            self.text.append(data)


def run(*arguments):
    return subprocess.run([ASSAY, "matrix", *map(str, arguments)], capture_output=True, text=True, timeout=300)


def draw(record):
    with tempfile.TemporaryDirectory() as folder:
        page, table = pathlib.Path(folder, "page.html"), pathlib.Path(folder, "table.md")
        done = run("--from", record, "--html", page, "--markdown", table)
        assert done.returncode == 0, done.stderr
        return page.read_text(encoding="utf-8"), table.read_text(encoding="utf-8")


def expected_ids(record):
    """Which plots the data call for, decided here from the JSON alone."""
    rows = record["rows"]
    fresh = [r for r in rows if r["prompts"] == "fresh"]
    context = [p for r in rows for p in r["context_sweep"]]
    streams = [p for r in rows for p in r["stream_sweep"]]
    points = [p for r in rows if r["drift"] for p in r["drift"]["points"]]
    return {
        "decode": any(r["decode_tok_s"] for r in fresh), "ttft": any(r["ttft_ms"] for r in rows),
        "prefill": any(r["prefill_tok_s"] for r in fresh), "decode-context": any(p["decode_tok_s"] for p in context),
        "ttft-context": any(p["ttft_ms"] for p in context), "prefill-context": any(p["prefill_tok_s"] for p in context),
        "memory-context": any(p["memory_peak_bytes"] for p in context), "streams-speed": any(p["total_tok_s"] for p in streams),
        "streams-ttft": any(p["ttft_ms"] for p in streams), "drift-speed": bool(points), "drift-machine": any(p["mhz"] for p in points),
        "memory": any(r["memory"]["peak_bytes"] or r["memory"]["predicted"] for r in fresh), "parity": any(r["parity"] and (r["parity"]["max_abs"] or r["parity"]["bound"]) for r in fresh),
        "foreground": any(r["foreground"]["timer"]["p99_ms"] for r in fresh), "border": any(r["border"] for r in rows),
        "decode-rounds": any(len(r["rounds"]) > 2 for r in rows), "ttft-rounds": any(len(r["rounds"]) > 2 for r in rows),
        "decode-spread": any(len(r["rounds"]) > 11 for r in fresh), "ttft-spread": any(len(r["rounds"]) > 11 for r in fresh),
        "open-loop": any(r["open_loop"] for r in rows), "facts": True, "reading": True, "repeat": True,
    }


class Report(unittest.TestCase):
    def records(self):
        found = sorted(RECORDS.glob("*.json"))
        self.assertGreaterEqual(len(found), 6)
        return [(path, json.loads(path.read_text())) for path in found]

    def test_pages_are_whole_small_and_load_nothing(self):
        for path, _ in self.records():
            text, _ = draw(path)
            page = Page(text)
            self.assertLess(len(text.encode()), PAGE_BYTES_MAX)
            self.assertEqual(len(page.scripts), 1)
            script, style = (base64.b64encode(hashlib.sha256(t[0].encode()).digest()).decode() for t in (page.scripts, page.styles))
            self.assertEqual(page.meta["Content-Security-Policy"], "default-src 'none'; base-uri 'none'; form-action 'none'; "
                             f"style-src 'sha256-{style}'; script-src 'sha256-{script}'")
            self.assertEqual(sorted(set(page.links) - set(page.ids)), [], "links that lead nowhere")
            self.assertEqual(re.findall(r"(?i)url\(|@import|https?://(?!example\.invalid)", text), [])
            self.assertEqual(re.findall(r"(?i)[\"' >]-?(?:nan|inf)[\"' <]", text), [])
            self.assertTrue("prefers-color-scheme:dark" in text and "@media print" in text)

    def test_a_section_stands_where_there_are_data_and_only_there(self):
        for path, record in self.records():
            ids = Page(draw(path)[0]).ids
            for name, wanted in expected_ids(record).items():
                self.assertEqual(name in ids, wanted, f"{path.name}: {name}")

    def test_every_row_is_there_with_its_reason_and_the_command_to_repeat_it(self):
        for path, record in self.records():
            page = Page(draw(path)[0])
            text = re.sub(r"\s+", " ", " ".join(page.text))
            for row in record["rows"]:
                name = row["engine"][:60] or "(no name)"
                self.assertIn(name, text)
                if row["reason"] and path.stem != "broken":
                    self.assertIn(row["reason"], text)
            self.assertIn(re.sub(r"\s+", " ", record["command"]), text)
            if record["artifact"]["sha256"]:
                self.assertIn(record["artifact"]["sha256"], text)

    def test_a_page_holds_its_record_and_is_read_in_its_place(self):
        with tempfile.TemporaryDirectory() as folder:
            for path, record in self.records():
                page, again = pathlib.Path(folder, f"{path.stem}.html"), pathlib.Path(folder, "again.html")
                self.assertEqual(run("--from", path, "--html", page).returncode, 0)
                [embedded] = Page(page.read_text(encoding="utf-8")).records
                of_file = json.loads(run("--json", "--from", path).stdout)
                self.assertEqual(json.loads(embedded), of_file)
                self.assertTrue(embedded.isascii() and not set("<>&") & set(embedded))
                of_page = run("--json", "--from", page, "--html", again, "--force")
                self.assertEqual(json.loads(of_page.stdout), of_file)
                self.assertEqual(again.read_bytes(), page.read_bytes(), "the same record gives the same bytes")
            compared = run("--compare", page, RECORDS / "laptop.json")
            self.assertEqual(compared.returncode, 0, compared.stderr)
            broken = pathlib.Path(folder, "broken.html")
            broken.write_text(page.read_text(encoding="utf-8").replace('id="record"', 'id="other"'), encoding="utf-8")
            for option in ("--from", "--repeat"):
                done = run(option, broken)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("broken.html: is a page without a record", done.stderr)

    def test_what_a_worker_says_is_text_and_nothing_else(self):
        page = Page(draw(RECORDS / "broken.json")[0])
        self.assertEqual(page.tags.count("script"), 2)
        self.assertIn("<script>alert('engine')</script>", " ".join(page.text))
        self.assertFalse(re.search("[\x00-\x08\x0b-\x1f\u202a-\u202e\u2066-\u2069]", " ".join(page.text)))

    def test_the_markdown_table_has_a_line_for_each_row(self):
        for path, record in self.records():
            lines = [line for line in draw(path)[1].split("\n") if line.startswith("|")]
            self.assertEqual(len(lines), len(record["rows"]) + 2 if record["rows"] else 0)
            self.assertLessEqual(len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}), 1)

    def test_a_record_that_cannot_be_read_leaves_no_page(self):
        with tempfile.TemporaryDirectory() as folder:
            bad, page = pathlib.Path(folder, "bad.json"), pathlib.Path(folder, "page.html")
            bad.write_text('{"version": 1}')
            done = run("--from", bad, "--html", page)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn("bad.json", done.stderr)
            self.assertFalse(page.exists())
            self.assertNotEqual(run("--from", pathlib.Path(folder, "absent.json"), "--html", page).returncode, 0)
            self.assertNotEqual(run("--from", RECORDS / "plain.json", "--html", pathlib.Path(folder, "no/such/folder.html")).returncode, 0)

    def test_a_fresh_measurement_gives_a_page(self):
        if not MODEL:
            self.skipTest("no model named")
        with tempfile.TemporaryDirectory() as folder:
            page = pathlib.Path(folder, "page.html")
            done = run("--model", MODEL, "--engines", "direct", "--rounds", 2, "--prompt", 32, "--output", 8, "--parity-positions", 2,
                       "--no-record", "--html", page)
            self.assertIn(done.returncode, (0, 1), done.stderr)
            parsed = Page(page.read_text(encoding="utf-8"))
            self.assertIn("decode", parsed.ids)
            self.assertIn("direct", " ".join(parsed.text))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    ASSAY, MODEL = sys.argv[1], (sys.argv[2] if len(sys.argv) > 2 else "")
    unittest.main(argv=[sys.argv[0]])
