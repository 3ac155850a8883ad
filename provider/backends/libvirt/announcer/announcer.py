# Runs on a hypervisor while a VM's pair changes hands; see announcer.ts. Reads one line of JSON:
#   {"bridge": "br0", "mac": "52:54:00:...", "addresses": ["10.0.0.5"], "vf": "0000:b3:02.3", "interval": 0.05, "seconds": 600}
# ("vf" may be absent), and then lines "fast", "slow" or "unplugging". It asks for the guest's addresses from the bridge, by ARP and, for the link-local IPv6
# address that follows from the MAC, by neighbour solicitation: so the guest answers through whichever half of its pair it
# uses, and every switch on the way learns that port. It says, a line of JSON each: {"ready": true}, {"address": A} for an
# address that the guest's own frames tell, {"port": P, "at": T} when the bridge sees the guest's MAC behind another of its
# ports, {"cleared": VF}. While the VF is being unplugged the guest's first frame through its tap says that its driver has
# let go of the VF: the VF's MAC filter is cleared then, or else the NIC would go on sending the guest's frames to a VF that
# nobody listens to until libvirt clears it (asked for by the author of the Linux commit "virtio_net: Extend virtio to use VF
# datapath when available").
# It ends after `seconds`, or three seconds after the end of its standard input: QEMU goes on announcing the standby
# for a while after a migration, and the last word must be the guest's own.
import json, os, select, socket, struct, subprocess, sys, time

SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC = 263, 1, 1

def main():
    task = json.loads(sys.stdin.readline())
    bridge, guest = task["bridge"], mac_bytes(task["mac"])
    own = mac_bytes(open("/sys/class/net/%s/address" % bridge).read().strip())
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    wire.bind((bridge, 0))
    # Frames that the bridge only forwards come up to a promiscuous socket: the guest's own tell its addresses.
    wire.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", socket.if_nametoindex(bridge), PACKET_MR_PROMISC, 0, b""))
    addresses = [socket.inet_aton(address) for address in task["addresses"]]
    questions = [arp(own, address) for address in addresses]
    local = link_local_of(bridge)
    if local is not None:
        questions.append(solicitation(own, local, eui64(guest)))
    say({"ready": True})
    interval, port, asked, looked = 1.0, None, 0.0, 0.0
    end, inputs, armed = time.time() + task["seconds"], [wire, 0], False
    os.set_blocking(0, False)
    while time.time() < end:
        now = time.time()
        if now - asked >= interval:
            asked = now
            for question in questions:
                try:
                    wire.send(question)
                except OSError:
                    pass  # the bridge is down for a moment: the next one may go
        if now - looked >= 0.01:
            looked = now
            seen = port_of(bridge, guest)
            if seen is not None and seen != port:
                if armed and port is not None and is_tap(seen) and not is_tap(port):
                    armed = False
                    clear_mac(task["vf"])
                port = seen
                say({"port": port, "at": now})
        readable = select.select(inputs, [], [], min(interval, 0.01))[0]
        if 0 in readable:
            told = os.read(0, 4096)
            if told == b"":
                inputs, interval, end = [wire], task["interval"], min(end, now + 3)
            for word in told.split():
                interval = {b"fast": task["interval"], b"slow": 1.0}.get(word, interval)
                armed = armed or (word == b"unplugging" and "vf" in task)
        if wire in readable:
            address = sender(wire, guest)
            if address is not None and address not in addresses and len(addresses) < 16:
                addresses.append(address)
                questions.append(arp(own, address))
                say({"address": socket.inet_ntoa(address)})

def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))

def arp(own, address):
    # An ARP probe, sender address 0.0.0.0: it changes no neighbour's table (RFC 5227, 2.1.1).
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, own, bytes(4), bytes(6), address)
    return b"\xff" * 6 + own + b"\x08\x06" + body

def solicitation(own, source, target):
    # RFC 4861, 4.3, to the solicited-node multicast address of the target
    group = bytes.fromhex("ff0200000000000000000001ff") + target[-3:]
    message = struct.pack("!BBHI", 135, 0, 0, 0) + target + b"\x01\x01" + own
    total = sum(struct.unpack("!%dH" % ((len(source) + len(group) + len(message)) // 2), source + group + message))
    total += len(message) + 58
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    message = message[:2] + struct.pack("!H", ~total & 0xffff) + message[4:]
    header = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + source + group
    return b"\x33\x33" + group[-4:] + own + b"\x86\xdd" + header + message

def eui64(mac):
    # RFC 4291, appendix A: what a guest has that does not randomize it
    return bytes.fromhex("fe80000000000000") + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]

def link_local_of(bridge):
    try:
        for line in open("/proc/net/if_inet6"):
            fields = line.split()
            if fields[5] == bridge and fields[3] == "20":
                return bytes.fromhex(fields[0])
    except OSError:
        pass
    return None

def sender(wire, guest):
    try:
        frame = wire.recv(2048, socket.MSG_DONTWAIT)
    except OSError:
        return None
    if len(frame) < 34 or frame[6:12] != guest:
        return None
    kind = frame[12:14]
    address = frame[28:32] if kind == b"\x08\x06" else frame[26:30] if kind == b"\x08\x00" else None
    return None if address in (None, bytes(4)) else address

def port_of(bridge, guest):
    # struct __fdb_entry of Linux include/uapi/linux/if_bridge.h: MAC, port's low byte, is_local, age, port's high byte
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

def is_tap(port):
    return os.path.exists("/sys/class/net/%s/tun_flags" % port)

def clear_mac(vf):
    physical = "/sys/bus/pci/devices/%s/physfn" % vf
    try:
        name = os.listdir(physical + "/net")[0]
        numbers = [entry[6:] for entry in os.listdir(physical) if entry.startswith("virtfn")]
        number = [each for each in numbers if os.path.basename(os.readlink("%s/virtfn%s" % (physical, each))) == vf][0]
        subprocess.run(["ip", "link", "set", name, "vf", number, "mac", "00:00:00:00:00:00"], check=True, capture_output=True)
        say({"cleared": vf})
    except (OSError, IndexError, subprocess.CalledProcessError):
        pass  # libvirt clears it a moment later, when QEMU has let go of the VF

def say(words):
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # nobody listens any more

main()
