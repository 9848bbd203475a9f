"""A name server for the measuring programs: a few records that live for a day, and "no such name" for all else."""

import ipaddress
import socket
import struct
import threading

A, PTR, SOA, MX, TXT = 1, 12, 6, 15, 16
DAY = 86400


def encoded(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def data(kind, value):
    if kind == A:
        return ipaddress.ip_address(value).packed
    if kind == PTR:
        return encoded(value)
    if kind == MX:
        return struct.pack(">H", 10) + encoded(value)
    return bytes([len(value)]) + value.encode()


def record(name, kind, value):
    return name + struct.pack(">HHIH", kind, 1, DAY, len(value)) + value


def answer(query, records):
    """The answer to a query with one question; its name comes back letter for letter."""
    end = 12
    labels = []
    while query[end]:
        labels.append(query[end + 1:end + 1 + query[end]].decode().lower())
        end += 1 + query[end]
    question = query[12:end + 5]
    name, kind = ".".join(labels), struct.unpack(">H", query[end + 1:end + 3])[0]
    found = [record(b"\xc0\x0c", kind, data(kind, value)) for of, its, value in records if (of, its) == (name, kind)]
    exists = any(of == name for of, _, _ in records)
    soa = encoded("ns.example") + encoded("root.example") + struct.pack(">IIIII", 1, DAY, DAY, DAY, DAY)
    authority = [] if found else [record(encoded(labels[-1]), SOA, soa)]
    flags = 0x8480 | (0 if exists else 3)
    return query[:2] + struct.pack(">HHHHH", flags, 1, len(found), len(authority), 0) + question + b"".join(found + authority)


def serve(records, port):
    """Serves records (name, type, value) on loopback from a thread of its own."""
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", port))

    def run():
        while True:
            query, client = server.recvfrom(4096)
            server.sendto(answer(query, records), client)

    threading.Thread(target=run, daemon=True).start()
