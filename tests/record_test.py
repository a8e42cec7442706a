"""A record of `assay matrix` against docs/record.schema.json, by a validator of its own: it shares no line with the
writer. usage: record_test.py ASSAY MODEL"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

SLOWER = int(os.environ.get("ASSAY_SLOWER", "1"))

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KNOWN = {"$schema", "title", "description", "type", "properties", "required", "additionalProperties", "items",
         "maxItems", "enum", "const", "minimum", "anyOf"}


def is_type(value, name):
    if name == "integer":
        return isinstance(value, int) and not isinstance(value, bool)
    if name == "number":
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, TYPES[name])


def complaints(schema, value, at="$"):
    """Every place where value breaks schema (JSON Schema 2020-12, the keywords above)."""
    unknown = set(schema) - KNOWN
    if unknown:
        return [f"{at}: the schema uses {sorted(unknown)}, which this validator does not know"]
    if "anyOf" in schema:
        tried = [complaints(option, value, at) for option in schema["anyOf"]]
        return [] if any(not t for t in tried) else max(tried, key=len)
    out = []
    names = schema.get("type")
    if names is not None:
        names = [names] if isinstance(names, str) else names
        if not any(is_type(value, name) for name in names):
            return [f"{at}: {json.dumps(value)[:60]} is no {' or '.join(names)}"]
    if "const" in schema and value != schema["const"]:
        out.append(f"{at}: {value} is not {schema['const']}")
    if "enum" in schema and value not in schema["enum"]:
        out.append(f"{at}: {value} is none of {schema['enum']}")
    if "minimum" in schema and value < schema["minimum"]:
        out.append(f"{at}: {value} is below {schema['minimum']}")
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        for key in schema.get("required", []):
            if key not in value:
                out.append(f"{at}.{key}: is missing")
        for key, item in value.items():
            if key in properties:
                out += complaints(properties[key], item, f"{at}.{key}")
            elif schema.get("additionalProperties") is False:
                out.append(f"{at}.{key}: is not in the schema")
    if isinstance(value, list):
        if len(value) > schema.get("maxItems", len(value)):
            out.append(f"{at}: {len(value)} items")
        for i, item in enumerate(value):
            out += complaints(schema.get("items", {}), item, f"{at}[{i}]")
    return out


def main():
    assay, model = sys.argv[1:3]
    schema = json.loads((pathlib.Path(__file__).parent.parent / "docs" / "record.schema.json").read_text())
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run([assay, "matrix", "--prompt", "16", "--output", "4", "--rounds", "1", "--json", "--model", model],
                              capture_output=True, text=True, env=os.environ | {"ASSAY_HOME": home}, timeout=300 * SLOWER)
    record = json.loads(done.stdout)
    bad = complaints(schema, record)
    # The validator itself must see what is wrong.
    for spoil in (lambda r: r.pop("rows"), lambda r: r.update(speed=1), lambda r: r["rows"][0].update(status="fine"),
                  lambda r: r["rows"][0].update(threads=-1), lambda r: r.update(version=3),
                  lambda r: r["rows"][0]["decode_tok_s"].update(median="fast"), lambda r: r["rows"][0].update(drift=3)):
        spoiled = json.loads(done.stdout)
        spoil(spoiled)
        if not complaints(schema, spoiled):
            bad.append("a spoiled record passed")
    for line in bad:
        print(line)
    print(f"{0 if bad else 8} passed, {len(bad)} failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
