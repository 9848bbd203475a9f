"""A mail program that logs in: submission.py JSON

The argument is an object: port, way (starttls, tls or plain), source (the address to come from), authority (a file of
certificates), and if wanted user, password, sender, author (the From field; none where it is empty), to (a list), count (how often
the message is sent). Prints each step and the code of its reply, and ends with 0 when the last message was accepted.
"""
import json, smtplib, ssl, sys

wish = json.loads(sys.argv[1])
context = ssl.create_default_context(cafile=wish["authority"])
source = (wish.get("source", "127.0.0.1"), 0)
place = ("127.0.0.1", wish["port"])


def told(step, code, text=b""):
    print(step, code, text.decode(errors="replace").replace("\n", "/"), flush=True)
    if code >= 400 or code < 0:
        sys.exit(1)


try:
    if wish["way"] == "tls":
        client = smtplib.SMTP_SSL(*place, local_hostname="client.test", timeout=60, context=context, source_address=source)
    else:
        client = smtplib.SMTP(*place, local_hostname="client.test", timeout=60, source_address=source)
    client.ehlo()
    if wish["way"] == "starttls":
        told("starttls", *client.starttls(context=context))
        client.ehlo()
    if "user" in wish:
        told("auth", *client.login(wish["user"], wish["password"]))
    for number in range(wish.get("count", 1)):
        told("mail", *client.mail(wish["sender"]))
        for recipient in wish["to"]:
            told("rcpt", *client.rcpt(recipient))
        author = "From: %s\r\n" % wish["author"] if wish.get("author") else ""
        told("data", *client.data("%sTo: somebody\r\nSubject: %s\r\n\r\nhello\r\n" % (author, wish.get("subject", "x"))))
    client.quit()
except smtplib.SMTPResponseException as error:
    told(type(error).__name__, error.smtp_code, error.smtp_error)
except (smtplib.SMTPServerDisconnected, ConnectionError, OSError) as error:
    print("closed", type(error).__name__)
    sys.exit(2)
