"""Whether this host can open a TCP connection to another one.

One line of JSON on standard input: address, port, and seconds for each of the address's own addresses. One line of JSON
on standard output: outcome ("reached", "no answer", "no route", "not resolved"), and why in words. A refused connection
is an answer of the host itself: it is reached, and nothing listens there yet.
"""

import errno
import json
import signal
import socket
import sys

# A resolver may take its time: whatever happens, the program ends.
signal.alarm(12)

NO_ROUTE = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM, errno.ENETDOWN, errno.EHOSTDOWN)


def tried(family, kind, protocol, where, seconds):
    try:
        connection = socket.socket(family, kind, protocol)
    except OSError as error:
        return "no route", error.strerror or str(error)
    try:
        connection.settimeout(seconds)
        connection.connect(where)
        return "reached", "connected"
    except ConnectionRefusedError:
        return "reached", "refused: nothing listens there yet"
    except socket.timeout:
        return "no answer", "no answer within %g s" % seconds
    except OSError as error:
        why = error.strerror or str(error)
        return ("no route" if error.errno in NO_ROUTE else "no answer"), why
    finally:
        connection.close()


def outcome_of(address, port, seconds):
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return "not resolved", getattr(error, "strerror", None) or str(error)
    answer = ("not resolved", "it has no address")
    # QEMU goes on to the next one, too (util/qemu-sockets.c, inet_connect_saddr).
    for family, kind, protocol, _, where in found[:4]:
        answer = tried(family, kind, protocol, where, seconds)
        if answer[0] == "reached":
            break
    return answer


task = json.loads(sys.stdin.readline())
outcome, why = outcome_of(str(task["address"]), int(task["port"]), float(task["seconds"]))
print(json.dumps({"outcome": outcome, "why": why}))
