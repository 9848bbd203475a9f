"""Verifies a message on standard input with dkimpy: a line for each signature, and one for the chain of ARC.

The argument is a file of records, name and text with a blank between. Says "dkim=pass", "dkim=fail", "arc=pass" and so on.
"""
import sys

import dkim

records = {}
with open(sys.argv[1], encoding="ascii") as text:
    for line in text:
        name, value = line.rstrip("\n").split(" ", 1)
        records[name.rstrip(".").encode() + b"."] = value.encode()


def txt(name, timeout=5):
    return records.get(name if name.endswith(b".") else name + b".")


message = sys.stdin.buffer.read()
count = sum(1 for name, _ in dkim.DKIM(message).headers if name.lower() == b"dkim-signature")
for index in range(count):
    try:
        good = dkim.DKIM(message).verify(index, dnsfunc=txt)
    except dkim.DKIMException as error:
        print("dkim=error", error)
        continue
    print("dkim=pass" if good else "dkim=fail")
verdict, _, reason = dkim.ARC(message).verify(dnsfunc=txt)
print("arc=" + (verdict or b"fail").decode(), reason)
