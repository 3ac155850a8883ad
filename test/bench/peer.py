# The peer of a guest that is moved; see peer.ts. Runs in the lab's namespace, beside the switch that the hosts' data NICs are
# plugged into. Reads one line of JSON:
#   {"bridge": "brdata", "peer": "10.78.0.1", "guest": "10.78.0.50", "receives": 2000, "sends": 50, "stream": 1000000}
# receives: echo requests a second to the guest, each with its number; an answer says that it was heard.
# sends: echo requests a second by the guest to the peer. stream: bytes a second by TCP to the guest. 0: none.
# It says {"ready": true}, and at the end of its input what was seen:
#   announced  frames and bytes of ARP, RARP and neighbour discovery that came from the hosts' ports
#   received, sent  numbers of packets and how many of them are missing; null where there were none
#   stream     [seconds since the epoch, bytes that the guest has acknowledged], ten times a second
import json, os, select, socket, struct, sys, time

# Linux include/uapi/linux/if_packet.h, if_ether.h, tcp.h
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC, PACKET_OUTGOING = 263, 1, 1, 4
ETH_P_ARP, ETH_P_RARP, ETH_P_IPV6 = 0x0806, 0x8035, 0x86dd
TCP_INFO, BYTES_ACKED = 11, 120
ICMPV6, NEIGHBOUR_DISCOVERY = 58, (135, 136)
ECHO, ANSWER = 8, 0
# Ethernet's shortest frame, without its checksum: what is shorter is filled up on the wire.
SHORTEST = 60

def main():
    task = json.loads(sys.stdin.readline())
    told = [told_of(task["bridge"], kind) for kind in (ETH_P_ARP, ETH_P_RARP, ETH_P_IPV6)]
    echoes = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    # What comes while this program does not run must not be lost here.
    echoes.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    if task["sends"] > 0:
        order(task, "ping -q -i %g %s < /dev/null > /dev/null 2>&1 &" % (1 / task["sends"], task["peer"]))
    stream = Stream(task) if task["stream"] > 0 else None
    announced, requests, answers = Announced(), Numbers(), Numbers()
    number, mine = 0, os.getpid() & 0xffff
    say({"ready": True})
    began = time.time()
    end = None
    while end is None or time.time() < end:
        now = time.time()
        if end is None:
            # At most so many at once: a burst after a pause of this program would be another measurement.
            due = min(int((now - began) * task["receives"]), number + 20)
            if due == number + 20:
                began = now - due / task["receives"]
            while number < due:
                number += 1
                send(echoes, echo(mine, number), task["guest"])
            if stream:
                stream.turn(now)
        inputs = told + [echoes] + ([] if end else [sys.stdin])
        for readable in select.select(inputs, [], [], 0.002)[0]:
            if readable is sys.stdin:
                # Answers that are on their way count.
                end = time.time() + 1
            elif readable is echoes:
                heard(echoes, task, mine, requests, answers)
            else:
                announced.hear(readable)
    if task["sends"] > 0:
        order(task, "killall ping")
    say({
        "announced": {"frames": announced.frames, "bytes": announced.bytes},
        "received": answers.counted() if task["receives"] > 0 else None,
        "sent": requests.counted() if task["sends"] > 0 else None,
        "stream": stream.samples if stream else [],
    })

def told_of(bridge, kind):
    """A socket that gets the frames of that kind that come in by the bridge's ports; it gets none that go out."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    wire.bind((bridge, kind))
    # Frames that the bridge only forwards come up to a promiscuous socket.
    request = struct.pack("iHH8s", socket.if_nametoindex(bridge), PACKET_MR_PROMISC, 0, b"")
    wire.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)
    return wire

class Announced:
    def __init__(self):
        self.frames = self.bytes = 0

    def hear(self, wire):
        while True:
            try:
                frame, (_, kind, where, _, _) = wire.recvfrom(2048, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if where == PACKET_OUTGOING:
                continue
            if kind == ETH_P_IPV6 and not (len(frame) > 54 and frame[20] == ICMPV6 and frame[54] in NEIGHBOUR_DISCOVERY):
                continue
            self.frames += 1
            self.bytes += max(len(frame), SHORTEST)

class Numbers:
    """Which numbers came; what is missing between the first and the last is lost. Those of ICMP start again after 65535."""

    def __init__(self):
        self.seen, self.last = set(), None

    def come(self, number):
        self.seen.add(number)

    def come_short(self, number):
        if self.last is None:
            self.last = number
        # The nearest to the last one of those that end so.
        self.last += (number - self.last + 0x8000) % 0x10000 - 0x8000
        self.seen.add(self.last)

    def counted(self):
        if not self.seen:
            return {"packets": 0, "lost": 0}
        all_of_them = max(self.seen) - min(self.seen) + 1
        return {"packets": all_of_them, "lost": all_of_them - len(self.seen)}

def heard(echoes, task, mine, requests, answers):
    while True:
        try:
            packet, (sender, _) = echoes.recvfrom(2048, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        message = packet[(packet[0] & 15) * 4:]
        if sender != task["guest"] or len(message) < 12:
            continue
        kind, _, _, identity, short = struct.unpack("!BBHHH", message[:8])
        if kind == ANSWER and identity == mine:
            answers.come(struct.unpack("!I", message[8:12])[0])
        elif kind == ECHO:
            requests.come_short(short)

def echo(identity, number):
    header = struct.pack("!BBHHHI", ECHO, 0, 0, identity, number & 0xffff, number)
    total = sum(struct.unpack("!6H", header))
    total = (total & 0xffff) + (total >> 16)
    total = (total & 0xffff) + (total >> 16)
    return header[:2] + struct.pack("!H", ~total & 0xffff) + header[4:]

def send(echoes, packet, guest):
    try:
        echoes.sendto(packet, socket.MSG_DONTWAIT, (guest, 0))
    except OSError:
        pass  # it counts as lost: the guest has not heard it

class Stream:
    """Sends to the guest as many bytes a second as were asked for, and after a pause what is due, as fast as TCP does it."""

    def __init__(self, task):
        self.to = connection(task, 7001)
        self.to.setblocking(False)
        self.rate, self.began, self.sent, self.samples = task["stream"], time.time(), 0, []

    def turn(self, now):
        due = int((now - self.began) * self.rate)
        try:
            while self.sent < due:
                self.sent += self.to.send(bytes(min(due - self.sent, 65536)))
        except BlockingIOError:
            pass
        if not self.samples or now - self.samples[-1][0] >= 0.1:
            self.samples.append([now, self.acknowledged()])

    def acknowledged(self):
        information = self.to.getsockopt(socket.IPPROTO_TCP, TCP_INFO, 256)
        return struct.unpack("=Q", information[BYTES_ACKED:BYTES_ACKED + 8])[0]

def order(task, command):
    """Has the guest run that; see guest/init."""
    with connection(task, 7000) as guest:
        guest.sendall((command + "\nexit\n").encode())
        while guest.recv(1024):
            pass

def connection(task, port):
    """To the guest, which may not be heard for a while after its pair was made."""
    end = time.time() + 60
    while True:
        try:
            return socket.create_connection((task["guest"], port), 3)
        except OSError:
            if time.time() > end:
                raise

def say(words):
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()

if __name__ == "__main__":
    main()
