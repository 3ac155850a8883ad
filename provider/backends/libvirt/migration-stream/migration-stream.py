"""Ends this host's TCP connections to one port of another host.

One line of JSON on standard input: address, port. One line of JSON on standard output: how many there were ("found"), and how
many are ended ("ended"): that needs CAP_NET_ADMIN, and a kernel with CONFIG_INET_DIAG_DESTROY.
"""

import json
import signal
import socket
import struct
import sys

# A resolver may take its time: whatever happens, the program ends.
signal.alarm(12)

# Linux include/uapi/linux/netlink.h, sock_diag.h
NETLINK_SOCK_DIAG, SOCK_DESTROY, REQUEST_AND_ACK = 4, 21, 5
# Linux include/net/tcp_states.h
ESTABLISHED, FIN_WAIT1 = 1, 4
NO_COOKIE = 0xFFFFFFFF


def places(address, port):
    """The bytes of its addresses, also as a socket of IPv6 has those of IPv4."""
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return set()
    plain = {socket.inet_pton(family, where[0].partition("%")[0]) for family, _, _, _, where in found}
    return plain | {bytes(10) + b"\xff\xff" + each for each in plain if len(each) == 4}


def end_of(text):
    """An end as /proc/net/tcp has it: words of the address in the host's own order, and the port."""
    address, port = text.split(":")
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    return struct.pack("=%dI" % len(words), *words), int(port, 16)


def connections():
    for family, path in ((socket.AF_INET, "/proc/net/tcp"), (socket.AF_INET6, "/proc/net/tcp6")):
        try:
            with open(path) as table:
                rows = table.readlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if int(fields[3], 16) in (ESTABLISHED, FIN_WAIT1):
                yield family, end_of(fields[1]), end_of(fields[2])


def end(family, local, remote):
    # struct inet_diag_req_v2 of include/uapi/linux/inet_diag.h
    (here, here_port), (there, there_port) = local, remote
    body = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, NO_COOKIE) + struct.pack("!HH", here_port, there_port)
    body += struct.pack("=16s16sIII", here, there, 0, NO_COOKIE, NO_COOKIE)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_SOCK_DIAG) as netlink:
        netlink.settimeout(5)
        netlink.send(struct.pack("=IHHII", 16 + len(body), SOCK_DESTROY, REQUEST_AND_ACK, 1, 0) + body)
        # struct nlmsgerr: a negative errno, or 0
        return struct.unpack_from("=i", netlink.recv(4096), 16)[0] == 0


task = json.loads(sys.stdin.readline())
wanted, port = places(str(task["address"]), int(task["port"])), int(task["port"])
found, ended = 0, 0
for family, local, remote in connections():
    if remote[0] in wanted and remote[1] == port:
        found += 1
        try:
            ended += end(family, local, remote)
        except OSError:
            pass
print(json.dumps({"found": found, "ended": ended}))
