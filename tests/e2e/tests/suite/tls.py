"""An SMTP client under TLS: tls.py WAY PORT CAFILE NAME RECIPIENT [CERT KEY]

WAY is starttls, first (the connection begins with the handshake), inject (commands in the packet of STARTTLS, which must
not survive the handshake), greet (nothing but the handshake and a greeting), resume (a second connection resumes the session of the first), large
(the message has 40000 numbered lines) or deaf (asks much and reads no answer, until its input ends). Verifies the certificate against CAFILE and NAME, sends a message, prints what was agreed on and
each reply. Ends with 0 when the message was accepted.
"""
import socket, ssl, sys

way, port, authority, name, recipient = sys.argv[1:6]
context = ssl.create_default_context(cafile=authority)
if len(sys.argv) > 6:
    context.load_cert_chain(sys.argv[6], sys.argv[7])


class Connection:
    def __init__(self, stream):
        self.stream, self.buffer = stream, b""

    def reply(self):
        while True:
            lines = self.buffer.split(b"\r\n")
            for index, line in enumerate(lines[:-1]):
                if line[3:4] != b"-":
                    self.buffer = b"\r\n".join(lines[index + 1:])
                    text = line.decode()
                    print(text, flush=True)
                    return text
            more = self.stream.recv(65536)
            if not more:
                sys.exit("the server hung up")
            self.buffer += more

    def say(self, line):
        self.stream.sendall(line.encode() + b"\r\n")
        return self.reply()


def connect():
    stream = socket.socket()
    if way == "deaf":
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.settimeout(60)
    stream.connect(("127.0.0.1", int(port)))
    return stream


plain = connect()
if way == "first":
    connection = Connection(context.wrap_socket(plain, server_hostname=name))
    connection.reply()
else:
    connection = Connection(plain)
    connection.reply()
    connection.say("EHLO before.test")
    extra = "\r\nMAIL FROM:<injected@before.test>\r\nNOOP" if way == "inject" else ""
    if not connection.say("STARTTLS" + extra).startswith("220"):
        sys.exit(3)
    connection = Connection(context.wrap_socket(plain, server_hostname=name))
    if way == "inject":
        # whatever of the injected commands had survived would be answered first
        if not connection.say("RSET").startswith("250 2.0.0 flushed"):
            sys.exit("an injected command was answered")
if way == "greet":
    connection.say("EHLO client.test")
    sys.exit(0 if connection.say("QUIT").startswith("221") else 5)
if way == "deaf":
    # so much that the answers fit into no buffer, and the questions do
    connection.stream.sendall(b"EHLO a\r\n" * 45000)
    print("deaf", flush=True)
    sys.stdin.read()
    sys.exit(0)
if way == "resume":
    connection.say("EHLO client.test")
    session = connection.stream.session
    connection.say("QUIT")
    connection = Connection(connect())
    connection.reply()
    connection.say("EHLO before.test")
    connection.say("STARTTLS")
    connection = Connection(context.wrap_socket(connection.stream, server_hostname=name, session=session))
    if not connection.stream.session_reused:
        sys.exit("the session was not resumed")
print(connection.stream.version(), connection.stream.cipher()[0], flush=True)
connection.say("EHLO client.test")
for line in ["MAIL FROM:<a@sender.test>", f"RCPT TO:<{recipient}>"]:
    if not connection.say(line).startswith("250"):
        sys.exit(4)
connection.say("DATA")
text = "".join(f"{number:064}\r\n" for number in range(40000)) if way == "large" else "text\r\n"
sys.exit(0 if connection.say(f"Subject: under TLS\r\n\r\n{text}.").startswith("250") else 5)
