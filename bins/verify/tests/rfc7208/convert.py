#!/usr/bin/python3
"""Turns the test suite that openspf.org published for RFC 7208 into the cases that the tests of stafett-verify read.

usage: convert.py rfc7208-tests.yml > cases.txt

cases.txt beside this file was made of release 2014.04, whose licence is LICENSE. Needs python3-yaml.
"""
import sys

import yaml


def records(name, items):
    """The lines for one name; SPF records count as TXT where it has none."""
    own_texts = any(isinstance(item, dict) and "TXT" in item for item in items)
    for item in items:
        if item == "TIMEOUT":
            yield f"record\t{name}\tTIMEOUT\t-"
            continue
        for kind, value in item.items():
            if kind == "SPF" and own_texts or value == "NONE":
                continue
            if value == "TIMEOUT":
                yield f"record\t{name}\tTIMEOUT\t-"
            elif kind in ("SPF", "TXT"):
                text = "".join(value) if isinstance(value, list) else value
                yield f"record\t{name}\tTXT\t{repr(text)[1:-1]}"
            else:
                yield f"record\t{name}\t{kind}\t{' '.join(map(str, value)) if isinstance(value, list) else value}"


def main():
    with open(sys.argv[1], encoding="utf-8") as suite:
        for part in yaml.safe_load_all(suite):
            print(f"scenario\t{part['description']}")
            for name, items in part["zonedata"].items():
                print(*records(name, items), sep="\n")
            for name, test in part["tests"].items():
                result = test["result"]
                verdicts = ",".join(result) if isinstance(result, list) else result
                fields = [name, test["host"], test["helo"] or "-", test["mailfrom"] or "<>", verdicts, test.get("explanation", "-")]
                print("case", *fields, sep="\t")


main()
