"""HTTPS hosts behind a proxy: every name is served on one port of loopback.

usage: host.py DIRECTORY [direct]. With "direct" there is no proxy: TLS begins at once on port 443 of loopback, and the client
names the host in its handshake (SNI). Without, a client says CONNECT name:443, TLS begins, and what is in DIRECTORY/NAME is sent as it stands in
answer to any request. DIRECTORY/certs/NAME.pem (key and chain) is the certificate, or else certs/default.pem. A file
NAME.slow makes the answer come a byte a second, NAME.never makes it not come, NAME.deaf leaves the handshake unanswered.
Each request is a line of DIRECTORY/log; what is posted lies in DIRECTORY/posted-NUMBER. The port is printed.
"""
import os, socket, ssl, sys, threading, time

directory = sys.argv[1]
lock = threading.Lock()
posted = 0


def path(name):
    return os.path.join(directory, name)


def log(line):
    with lock, open(path("log"), "a") as file:
        file.write(line + "\n")


def head_of(stream):
    data = b""
    while b"\r\n\r\n" not in data:
        more = stream.recv(4096)
        if not more:
            return None, b""
        data += more
    head, rest = data.split(b"\r\n\r\n", 1)
    return head.decode("latin-1"), rest


def body_of(head, stream, rest):
    fields = dict(line.lower().split(":", 1) for line in head.split("\r\n")[1:])
    length = int(fields.get("content-length", "0"))
    while len(rest) < length:
        more = stream.recv(65536)
        if not more:
            break
        rest += more
    return fields, rest


def answer(stream, name):
    global posted
    head, rest = head_of(stream)
    if head is None:
        return
    fields, body = body_of(head, stream, rest)
    if body:
        with lock:
            posted += 1
            with open(path("posted-%d" % posted), "wb") as file:
                file.write(body)
    log("%s %s %s" % (name, head.split("\r\n")[0], fields.get("content-type", "").strip()))
    if os.path.exists(path(name + ".never")):
        time.sleep(600)
    with open(path(name), "rb") as file:
        reply = file.read()
    if not os.path.exists(path(name + ".slow")):
        return stream.sendall(reply)
    for byte in reply:
        stream.sendall(bytes([byte]))
        time.sleep(1)


def serve(client):
    try:
        head, _ = head_of(client)
        name = head.split(" ")[1].rsplit(":", 1)[0]
        if not os.path.exists(path(name)):
            log(name + " unknown")
            return client.sendall(b"HTTP/1.1 502 no such host\r\ncontent-length: 0\r\n\r\n")
        client.sendall(b"HTTP/1.1 200 connected\r\n\r\n")
        if os.path.exists(path(name + ".deaf")):
            time.sleep(600)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        own = path("certs/%s.pem" % name)
        context.load_cert_chain(own if os.path.exists(own) else path("certs/default.pem"))
        try:
            stream = context.wrap_socket(client, server_side=True)
        except (ssl.SSLError, OSError) as error:
            return log(name + " no handshake")
        with stream:
            answer(stream, name)
    except OSError:
        pass
    finally:
        client.close()


def serve_direct(client):
    named = []

    def choose(stream, name, context):
        named.append(name)
        own = path("certs/%s.pem" % name)
        if os.path.exists(own):
            stream.context = with_certificate(own)

    context = with_certificate(path("certs/default.pem"))
    context.sni_callback = choose
    try:
        with context.wrap_socket(client, server_side=True) as stream:
            answer(stream, named[0])
    except (ssl.SSLError, OSError):
        log("%s no handshake" % named)
    finally:
        client.close()


def with_certificate(file):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


is_direct = sys.argv[2:] == ["direct"]
listener = socket.create_server(("127.0.0.1", 443 if is_direct else 0), backlog=100)
print(listener.getsockname()[1], flush=True)
while True:
    client, _ = listener.accept()
    threading.Thread(target=serve_direct if is_direct else serve, args=(client,), daemon=True).start()
