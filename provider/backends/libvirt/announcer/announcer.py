# Runs on a hypervisor while a VM's pair changes hands; see announcer.ts. Reads one line of JSON:
#   {"bridge": "br0", "mac": "52:54:00:…", "addresses": ["10.0.0.5"], "interval": 0.05, "seconds": 600}
# and then lines "fast" or "slow". It asks for the guest's addresses with ARP from the bridge, so that the guest answers
# through whichever half of its pair it uses and every switch on the way learns that port. It says, a line of JSON each:
# {"ready": true}, {"address": A} for an address that the guest's own frames tell, {"port": P, "at": T} when the bridge
# sees the guest's MAC behind another of its ports. It ends with its standard input, or after `seconds`.
import json, os, select, socket, struct, sys, time

def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))

def main():
    task = json.loads(sys.stdin.readline())
    bridge, guest = task["bridge"], mac_bytes(task["mac"])
    own = mac_bytes(open("/sys/class/net/%s/address" % bridge).read().strip())
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    wire.bind((bridge, 0))
    addresses = [socket.inet_aton(address) for address in task["addresses"]]
    say({"ready": True})
    interval, port, asked, looked = task["interval"], None, 0.0, 0.0
    end = time.time() + task["seconds"]
    os.set_blocking(0, False)
    while time.time() < end:
        now = time.time()
        if addresses and now - asked >= interval:
            asked = now
            for address in addresses:
                request(wire, own, address)
        if now - looked >= 0.02:
            looked = now
            seen = port_of(bridge, guest)
            if seen is not None and seen != port:
                port = seen
                say({"port": port, "at": now})
        readable = select.select([wire, 0], [], [], min(interval, 0.02))[0]
        if 0 in readable:
            told = os.read(0, 4096)
            if told == b"":
                return
            for word in told.split():
                interval = {b"fast": task["interval"], b"slow": 1.0}.get(word, interval)
        if wire in readable:
            address = sender(wire, guest)
            if address is not None and address not in addresses and len(addresses) < 16:
                addresses.append(address)
                say({"address": socket.inet_ntoa(address)})

def request(wire, own, address):
    # An ARP probe, sender address 0.0.0.0: it changes no neighbour's table (RFC 5227, 2.1.1).
    arp = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, own, b"\0" * 4, b"\0" * 6, address)
    try:
        wire.send(b"\xff" * 6 + own + struct.pack("!H", 0x0806) + arp)
    except OSError:
        pass  # the bridge is down for a moment: the next one may go

def sender(wire, guest):
    try:
        frame = wire.recv(2048, socket.MSG_DONTWAIT)
    except OSError:
        return None
    if len(frame) < 34 or frame[6:12] != guest:
        return None
    kind = frame[12:14]
    address = frame[28:32] if kind == b"\x08\x06" else frame[26:30] if kind == b"\x08\x00" else None
    return None if address in (None, b"\0\0\0\0") else address

def port_of(bridge, guest):
    # struct __fdb_entry of Linux include/uapi/linux/if_bridge.h: MAC, port's low byte, is_local, …, port's high byte
    try:
        with open("/sys/class/net/%s/brforward" % bridge, "rb") as table:
            entries = table.read()
        for at in range(0, len(entries) - 15, 16):
            if entries[at:at + 6] == guest and not entries[at + 7]:
                return name_of(bridge, entries[at + 6] | entries[at + 12] << 8)
    except OSError:
        pass
    return None

def name_of(bridge, number):
    ports = "/sys/class/net/%s/brif" % bridge
    for name in os.listdir(ports):
        try:
            if int(open("%s/%s/port_no" % (ports, name)).read(), 16) == number:
                return name
        except OSError:
            pass
    return None

def say(words):
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()

main()
