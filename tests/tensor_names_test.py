#!/usr/bin/env python3
"""Every name of a tensor stands in one list: src/checkpoint/tensors.inc, and nowhere else under src but in tests and comments."""
import pathlib
import re
import unittest

TOP = pathlib.Path(__file__).resolve().parent.parent
LIST = TOP / "src/checkpoint/tensors.inc"
ROW = re.compile(r"^ASSAY_(?:MODEL|LAYER)_TENSOR\(", re.MULTILINE)
TEXT = re.compile(r'"([^"\n]*)"')


def names():
    """Of the rows alone: the comment above them names parts of names."""
    rows = [line for line in LIST.read_text().splitlines() if ROW.match(line)]
    return sorted({name for row in rows for name in TEXT.findall(row) if name})


def is_test(path):
    return path.stem.endswith(("_test", "_fuzz", "_bench")) or path.stem.startswith("test_")


def code_of(text):
    """The text without comments to the end of a line."""
    return re.sub(r"//[^\n]*", "", text)


class TensorNames(unittest.TestCase):
    def test_the_list_has_names_of_both_formats(self):
        found = names()
        self.assertIn("token_embd.weight", found)
        self.assertIn("self_attn.q_proj.weight", found)
        self.assertGreater(len(found), 35)

    def test_no_other_source_names_a_tensor(self):
        found = names()
        modules = sorted({name.rsplit(".", 1)[0] for name in found if name.count(".") > 1} | set(found))
        met = []
        for path in sorted((TOP / "src").rglob("*")):
            if path.suffix not in {".h", ".cpp", ".inc", ".inl"} or path == LIST or is_test(path):
                continue
            for text in TEXT.findall(code_of(path.read_text())):
                met += [f"{path.relative_to(TOP)}: {text!r} names {name}" for name in modules if name in text]
        self.assertEqual(met, [])


if __name__ == "__main__":
    unittest.main()
