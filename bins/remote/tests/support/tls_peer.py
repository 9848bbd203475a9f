"""SMTP servers with OpenSSL, one for each behaviour; prints a line "NAME PORT" for each, then serves until its standard
input ends. What each of its connections was told goes to standard output as "NAME said WORD..."."""

import os
import socket
import ssl
import sys
import threading
import warnings

# the oldest versions of TLS are what one of them is for
warnings.simplefilter("ignore", DeprecationWarning)
directory = sys.argv[1]


def tell(*words):
    """Prints a line at once: print() writes word after word, and those of several threads would mix."""
    os.write(sys.stdout.fileno(), (" ".join(map(str, words)) + "\n").encode())


def context(name, **options):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(f"{directory}/{name}.pem", f"{directory}/{name}.key")
    made.minimum_version = options.get("least", ssl.TLSVersion.TLSv1_2)
    made.maximum_version = options.get("most", ssl.TLSVersion.TLSv1_3)
    if options.get("old"):
        made.set_ciphers("ALL:@SECLEVEL=0")
    if options.get("asks"):
        made.verify_mode = ssl.CERT_REQUIRED
        made.load_verify_locations(f"{directory}/member.pem")
    if "names" in options:
        made.sni_callback = lambda _, name, __: options["names"].append(name)
    return made


def listen_twice():
    """Two addresses with one port."""
    while True:
        first = socket.create_server(("127.0.0.1", 0))
        try:
            return [first, socket.create_server(("127.0.0.2", first.getsockname()[1]))]
        except OSError:
            first.close()


class Server:
    def __init__(self, name, tls=None, offers=True, answer=b"220 go\r\n", wrapped=False, garbage=None, silent=False, extra=b""):
        self.extra = extra
        self.name, self.tls, self.offers, self.answer = name, tls, offers, answer
        self.wrapped, self.garbage, self.silent = wrapped, garbage, silent
        listeners = listen_twice()
        tell(name, listeners[0].getsockname()[1])
        for listener in listeners:
            threading.Thread(target=self.accept, args=(listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=self.quietly, args=(connection,), daemon=True).start()

    def quietly(self, connection):
        try:
            self.serve(connection)
        except (OSError, ssl.SSLError) as error:
            tell(self.name, "said", type(error).__name__)
        finally:
            connection.close()

    def secure(self, connection):
        secured = self.tls.wrap_socket(connection, server_side=True)
        known = "known" if secured.getpeercert(True) else "unknown"
        resumed = "resumed" if secured.session_reused else "full"
        tell(self.name, "said TLS", secured.version(), known, resumed)
        return secured

    def serve(self, connection):
        if self.wrapped:
            connection = self.secure(connection)
        lines = connection.makefile("rb")
        connection.sendall(b"220 peer.test\r\n")
        is_secure, in_data = self.wrapped, False
        while line := lines.readline():
            verb = line[:4].upper()
            if in_data:
                if line == b".\r\n":
                    in_data = False
                    connection.sendall(b"250 taken\r\n")
            elif verb in (b"EHLO", b"LHLO"):
                offer = b"250-STARTTLS\r\n" if self.offers and not is_secure else b""
                offer += self.extra if is_secure else b""
                connection.sendall(b"250-peer.test\r\n" + offer + b"250 PIPELINING\r\n")
            elif verb == b"STAR":
                connection.sendall(self.answer)
                if not self.answer.startswith(b"220"):
                    continue
                if self.silent:
                    lines.read()
                    return
                if self.garbage is not None:
                    connection.sendall(self.garbage)
                    if self.garbage:
                        lines.read()
                    return
                connection = self.secure(connection)
                lines, is_secure = connection.makefile("rb"), True
            elif verb == b"DATA":
                in_data = True
                connection.sendall(b"354 go\r\n")
            elif verb == b"AUTH":
                tell(self.name, "said AUTH", "secure" if is_secure else "clear")
                connection.sendall(b"235 welcome\r\n")
            elif verb == b"QUIT":
                connection.sendall(b"221 bye\r\n")
                return
            else:
                if verb == b"MAIL":
                    required = ["required"] if b" REQUIRETLS" in line else []
                    tell(self.name, "said MAIL", "secure" if is_secure else "clear", *required)
                connection.sendall(b"250 ok\r\n")


good = context("good")
Server("good", good)
Server("resumes", context("good"))
Server("resumes-twelve", context("good", most=ssl.TLSVersion.TLSv1_2))
Server("plain", offers=False)
Server("promises", good, extra=b"250-REQUIRETLS\r\n")
Server("keeps", good, extra=b"250-REQUIRETLS\r\n")
Server("self-promises", context("self"), extra=b"250-REQUIRETLS\r\n")
Server("lets-in", good, extra=b"250-AUTH PLAIN\r\n")
Server("old", context("good", least=ssl.TLSVersion.TLSv1, most=ssl.TLSVersion.TLSv1_1, old=True))
Server("twelve", context("good", most=ssl.TLSVersion.TLSv1_2))
Server("wrapped", good, wrapped=True)
Server("self", context("self"))
Server("chain", context("chain"))
Server("expired", context("expired"))
Server("other", context("other"))
Server("asks", context("good", asks=True))
Server("refuses", answer=b"454 4.7.0 not now\r\n")
Server("garbage", answer=b"220 go\r\n", garbage=b"250 what is that?\r\n" * 3)
Server("injects", good, answer=b"220 go\r\n250-injected\r\n250 PIPELINING\r\n")
Server("endless", silent=True)
Server("hangs-up", answer=b"220 go\r\n", garbage=b"")
tell("ready")
sys.stdin.read()
