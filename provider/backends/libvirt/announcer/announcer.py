# Runs on a hypervisor while a VM's pair changes hands; see announcer.ts. Reads one line of JSON:
#   {"bridge": "br0", "mac": "52:54:00:...", "addresses": ["10.0.0.5"], "vf": "0000:b3:02.3", "interval": 0.05, "seconds": 600}
# ("vf" may be absent), and then words, a line each. It does three things, so that no frame for the guest is lost:
#
# It asks for the guest's addresses from the bridge, by ARP and, for the link-local IPv6 address that follows from the MAC,
# by neighbour solicitation: so the guest answers through whichever half of its pair it uses, and every switch on the way
# learns that port. "fast": once an interval; "slow": once a second, and for a while once an interval where the guest's port has
# changed since "plugged".
#
# While the guest lives on its standby here (from "here" or "unplugging" to "gone") the bridge's uplinks take frames for its
# MAC in. Where an uplink is the VF's own PF, the NIC would give them to the VF alone, from the moment libvirt sets the VF's MAC: seconds
# before the guest's driver is there. The filter is this socket's (PACKET_MR_UNICAST) and ends with it, or with "apart", for
# PFs that set no VF's MAC beside it; "here" brings it back. Where it does not help, the leaving VF's MAC is cleared at the guest's first frame through its tap after "unplugging", which says that its driver has released it
# (asked for by the author of the Linux commit "virtio_net: Extend virtio to use VF datapath when available").
#
# "plugged VF VLAN" (0: none): until "gone", what comes through the guest's tap goes to its VF, too, by the PF, whose internal switch
# delivers it. From the VF's registration on the guest drops what arrives on its standby (Linux drivers/net/net_failover.c,
# net_failover_handle_frame), although it sends through it until the VF's link is up; but it takes what its VF receives.
# "plugging VF VLAN" comes before: the same, from the moment when the PF gives frames for the guest's MAC to that VF, which libvirt
# sets just before QEMU has the VF. Before that they would go out by the wire, and come to the guest twice.
# Where passing them on takes much of a CPU, which the guest may need to start its VF's driver, it waits until it must: until the guest
# sends through its VF, or answers no more.
#
# It says, a line of JSON each: {"ready": true}, {"address": A} for an address that the guest's own frames tell,
# {"port": P, "at": T} when the bridge sees the guest's MAC behind another of its ports, {"answers": P} when the guest has answered a
# question there, a moment after "plugged" and after the port was first seen, {"cleared": VF}, {"copied": N} at its end. A port alone says
# little: a NIC or a switch may send a broadcast of the guest's back, which the bridge takes for the guest itself, and a VF's driver may
# let a frame through before its link is up.
# It ends after `seconds`, or three seconds after the end of its standard input: QEMU goes on announcing the standby
# for a while after a migration, and the last word must be the guest's own.
# It sleeps until there is something to do: the kernel tells of changes of the bridge's table. A host in the middle of a migration has
# other work for its CPUs.
# Stands behind vf-link.py; for Python 3.6 and later.
import array, fcntl, json, os, select, socket, struct, sys, time

# Linux include/uapi/linux/if_packet.h, if_ether.h; asm-generic/socket.h
SOL_PACKET, PACKET_ADD_MEMBERSHIP, PACKET_AUXDATA, PACKET_VNET_HDR = 263, 1, 8, 15
PACKET_MR_PROMISC, PACKET_MR_UNICAST = 1, 3
TP_STATUS_VLAN_VALID = 0x10
ETH_P_ALL, ETH_P_ARP, SO_ATTACH_FILTER = 3, 0x0806, 26
# Linux include/uapi/linux/rtnetlink.h
RTMGRP_NEIGH = 4
SIOCGIFADDR, SIOCGIFNETMASK = 0x8915, 0x891b
# Every machine on the bridge can send with the guest's MAC: each address that is believed costs the segment questions.
MOST_LEARNT = 2
# Seconds between two looks at the bridge's table for which nothing was told: the kernel drops what a full socket cannot take.
LOOK = 0.25
# Seconds over which this program's use of a CPU is measured while it passes frames on, and the share of it that is too much.
MEASURED, MUCH = 0.2, 0.25
# Seconds without an answer to a question, beside those between two: the guest hears its standby no more.
UNANSWERED = 1.0
# Seconds after which an answer says that the guest is behind the port, and for which it is asked often enough to tell soon.
KEPT, ASKED = 0.4, 3.0

def main():
    task = json.loads(sys.stdin.readline())
    bridge, guest = task["bridge"], mac_bytes(task["mac"])
    own = mac_of(bridge)
    wire = frames_of(guest, bridge)
    addresses, learnt = [socket.inet_aton(address) for address in task["addresses"]], 0
    questions = [arp(own, address, asker(bridge, address)) for address in addresses]
    local = link_local_of(bridge)
    if local is not None:
        questions.append(solicitation(own, local, eui64(guest)))
    changes = changes_of_tables()
    say({"ready": True})
    interval, port, since, kept, asked, looked, given, answered = 1.0, None, 0.0, False, 0.0, 0.0, 0.0, 0.0
    end, inputs, quiet, armed, plugged, here, copies, told = time.time() + task["seconds"], [wire, changes, 0], False, False, False, None, None, b""
    os.set_blocking(0, False)
    while time.time() < end:
        now = time.time()
        pace = task["interval"] if plugged and not kept and now - since < ASKED else interval
        if now - asked >= pace:
            asked = now
            for question in questions:
                try:
                    wire.send(question)
                except OSError:
                    pass  # the bridge is down for a moment: the next one may go
        if now - looked >= LOOK:
            looked = now
            seen = port_of(bridge, guest)
            if seen is not None and seen != port:
                if armed and port is not None and is_tap(seen) and not is_tap(port):
                    armed = False
                    clear_mac(task["vf"])
                if copies and port is not None and is_tap(port) and not is_tap(seen):
                    copies.must()
                port, since, kept = seen, now, False
                say({"port": port, "at": now})
        due = min(asked + pace, looked + LOOK, given + 0.02 if copies and not copies.open else end)
        readable = select.select(inputs + ([copies.tap] if copies else []), [], [], max(due - time.time(), 0))[0]
        if changes in readable and concern(changes, guest):
            looked = 0.0
        if copies and copies.tap in readable:
            copies.forward()
            copies.spare(now)
        if copies and copies.waits and now - max(answered, copies.since) > interval + UNANSWERED:
            copies.must()
        if copies and not copies.open and now - given >= 0.02:
            given = now
            if is_given(copies.pf_name, copies.vf, guest):
                copies.begin()
        if 0 in readable:
            read = os.read(0, 4096)
            if read == b"":
                inputs, interval, end = [wire, changes], task["interval"], min(end, now + 3)
                read = b"\ngone\n"
            *words, told = (told + read).split(b"\n")
            for word, *rest in (word.split() for word in words if word.strip()):
                interval = {b"fast": task["interval"], b"slow": 1.0}.get(word, interval)
                armed = (armed or word == b"unplugging" and "vf" in task) and word not in (b"here", b"gone")
                if word in (b"here", b"unplugging") and here is None:
                    here = taken_in(bridge, guest)
                if word == b"apart" and here:
                    here = here.close()
                if word in (b"plugging", b"plugged"):
                    vf = rest[0].decode()
                    if copies and copies.vf != vf:
                        copies = copies.close()
                    copies = copies or copies_to(vf, int(rest[1]), bridge, guest)
                    if copies and word == b"plugged":
                        copies.begin()
                    if word == b"plugged":
                        plugged, since, kept = True, now, False
                if word == b"gone":
                    if copies:
                        say({"copied": copies.sent})
                        copies.close()
                    if here:
                        here.close()
                    here = copies = None
        if wire in readable:
            answered = now
            frame = frame_by(wire, guest)
            if frame[:6] == own and plugged and not kept and now - since >= KEPT and port_of(bridge, guest) == port:
                kept = True
                say({"answers": port})
            address = sender(frame)
            if address is not None and address not in addresses and learnt < MOST_LEARNT:
                addresses.append(address)
                learnt += 1
                questions.append(arp(own, address, asker(bridge, address)))
                say({"address": socket.inet_ntoa(address)})
        if addresses and not quiet:
            # Its answers to the questions are enough from now on, and few: all that a busy guest sends is not.
            quiet = True
            only(wire, guest, 6, ETH_P_ARP)

def frames_of(guest, bridge):
    """A socket that sends on the bridge, and gets the frames by the guest's MAC and no others: those tell its addresses."""
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    only(wire, guest, 6)
    wire.bind((bridge, ETH_P_ALL))
    # Frames that the bridge only forwards come up to a promiscuous socket.
    join(wire, bridge, PACKET_MR_PROMISC)
    return wire

def join(packets, device, kind, address=b""):
    request = struct.pack("iHH8s", socket.if_nametoindex(device), kind, len(address), address)
    packets.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, request)

def taken_in(bridge, guest):
    """A socket for whose life the bridge's uplinks take in frames for the guest."""
    filters = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    for port in ports(bridge):
        try:
            if not is_tap(port):
                join(filters, port, PACKET_MR_UNICAST, guest)
        except OSError:
            pass  # a port that has just gone, or has no room for another address
    return filters

def copies_to(vf, vlan, bridge, guest):
    """None where there is nothing to do: the uplink is the VF's own PF, and the NIC gives the VF what comes from outside."""
    try:
        pf = os.listdir("/sys/bus/pci/devices/%s/physfn/net" % vf)[0]
        tap = [port for port in ports(bridge) if is_tap(port) and mac_of(port)[1:] == guest[1:]][0]
        return None if pf in below(bridge) else Copies(tap, pf, vf, vlan, guest)
    except (OSError, IndexError):
        return None

class Copies:
    """Sends what comes through a tap for the guest out by a PF as well: as it is, segments and checksums still to be made."""

    def __init__(self, tap, pf, vf, vlan, guest):
        self.sent, self.vlan, self.source, self.guest = 0, vlan, mac_of(pf), guest
        self.pf_name, self.vf = pf, vf
        # `open`: frames may go to the VF; `waits`: but do not, to spare the CPU; `needed`: the guest hears nothing else.
        self.open, self.waits, self.needed = False, False, False
        self.tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self.pf = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        for packets in (self.tap, self.pf):
            packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        self.tap.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
        nothing(self.tap)
        self.tap.bind((tap, ETH_P_ALL))
        self.pf.bind((pf, 0))

    def begin(self):
        """The PF gives frames for the guest to the VF."""
        if not self.open:
            self.open, self.since, self.spent = True, time.time(), time.process_time()
            only(self.tap, self.guest, 0)

    def spare(self, now):
        """Waits from now on where it takes much of a CPU."""
        if now - self.since < MEASURED or self.waits or self.needed:
            return
        spent = time.process_time()
        self.waits = spent - self.spent > MUCH * (now - self.since)
        self.since, self.spent = now, spent
        if self.waits:
            nothing(self.tap)

    def must(self):
        """The guest hears through its VF alone."""
        self.needed = self.open
        if self.waits:
            self.waits = False
            only(self.tap, self.guest, 0)

    def forward(self):
        for _ in range(256):  # then the questions' turn
            try:
                read, extra, _, _ = self.tap.recvmsg(65536 + 64, socket.CMSG_SPACE(20), socket.MSG_DONTWAIT)
            except OSError:
                return
            header, frame = read[:10], read[10:]
            # The source becomes the PF's own MAC: no switch shall learn another's, should a NIC let the frame out; and
            # what comes back by such a way is known by it.
            if frame[6:12] == self.source:
                continue
            tag = struct.pack("!HH", 0x8100, self.vlan) if self.vlan else tag_of(extra)
            if tag:
                header = further(header, len(tag))
            try:
                self.pf.send(header + frame[:6] + self.source + tag + frame[12:])
                self.sent += 1
            except OSError:
                pass  # too many at once, or too long for this NIC

    def close(self):
        self.tap.close()
        self.pf.close()

def only(packets, mac, at, protocol=None):
    """Frames with that MAC there, 0: to it, 6: by it; of that protocol, where one is given. A classic BPF program."""
    high, low = struct.unpack("!IH", mac)
    rest = 2 if protocol is not None else 0
    attach(packets, (
        (0x20, 0, 0, at), (0x15, 0, 3 + rest, high),  # ld [at]; jne high, drop
        (0x28, 0, 0, at + 4), (0x15, 0, 1 + rest, low),  # ldh [at + 4]; jne low, drop
        *(((0x28, 0, 0, 12), (0x15, 0, 1, protocol)) if rest else ()),  # ldh [12]; jne protocol, drop
        (0x06, 0, 0, 0x40000), (0x06, 0, 0, 0),  # take; drop
    ))

def nothing(packets):
    attach(packets, ((0x06, 0, 0, 0),))  # drop

def attach(packets, instructions):
    program = b"".join(struct.pack("HBBI", *line) for line in instructions)
    lines = array.array("B", program)  # ctypes is not in every host's Python
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HP", len(program) // 8, lines.buffer_info()[0]))

def changes_of_tables():
    """A socket that gets what the kernel tells of its bridges' tables (Linux net/bridge/br_fdb.c, fdb_notify)."""
    changes = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
    changes.bind((0, RTMGRP_NEIGH))
    return changes

def concern(changes, guest):
    """Whether one of them names the guest's MAC, or some were lost."""
    named = False
    for _ in range(256):
        try:
            named = guest in changes.recv(8192, socket.MSG_DONTWAIT) or named
        except BlockingIOError:
            break
        except OSError:
            named = True  # ENOBUFS
    return named

def tag_of(extra):
    # struct tpacket_auxdata: status, len, snaplen, mac, net, vlan_tci, vlan_tpid
    for level, kind, data in extra:
        if level == SOL_PACKET and kind == PACKET_AUXDATA:
            status, _, _, _, _, tag, protocol = struct.unpack("IIIHHHH", data[:20])
            if status & TP_STATUS_VLAN_VALID:
                return struct.pack("!HH", protocol or 0x8100, tag)
    return b""

def further(header, length):
    # struct virtio_net_hdr: where the headers end and the checksum starts moves by the tag
    flags, kind, end, size, start, offset = struct.unpack("BBHHHH", header)
    # The guest's own driver writes the header: a place that is further than 65535 is none, and the kernel refuses the frame.
    end, start = min(end + length, 65535) if end else 0, min(start + length, 65535) if flags & 1 else start
    return struct.pack("BBHHHH", flags, kind, end, size, start, offset)

def ports(bridge):
    return os.listdir("/sys/class/net/%s/brif" % bridge)

def below(device):
    """The device and all that it stands on: a bridge's ports, a bond's, a VLAN's parent."""
    found = [device]
    for each in found:
        found += [entry[6:] for entry in os.listdir("/sys/class/net/%s" % each) if entry.startswith("lower_")]
    return found

def mac_of(device):
    return mac_bytes(open("/sys/class/net/%s/address" % device).read().strip())

def mac_bytes(text):
    return bytes(int(part, 16) for part in text.split(":"))

def arp(own, address, asking):
    body = struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, own, asking, bytes(6), address)
    return b"\xff" * 6 + own + b"\x08\x06" + body

def asker(bridge, address):
    """
    By which address the host asks: the bridge's own where that is of the same subnet. Else 0.0.0.0, a probe: it changes no
    neighbour's table, but a host that is just checking the same address for itself takes it for a conflict (RFC 5227, 2.1.1).
    """
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
            name = struct.pack("256s", bridge.encode())
            mine, mask = (struct.unpack("!I", fcntl.ioctl(asked, what, name)[20:24])[0] for what in (SIOCGIFADDR, SIOCGIFNETMASK))
        same = mine & mask == struct.unpack("!I", address)[0] & mask
        return struct.pack("!I", mine) if same else bytes(4)
    except OSError:
        return bytes(4)

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

def frame_by(wire, guest):
    """Empty where there is none, or one by another."""
    try:
        frame = wire.recv(2048, socket.MSG_DONTWAIT)
    except OSError:
        return b""
    return frame if frame[6:12] == guest else b""

def sender(frame):
    if len(frame) < 34:
        return None
    kind = frame[12:14]
    address = frame[28:32] if kind == b"\x08\x06" else frame[26:30] if kind == b"\x08\x00" else None
    return None if address in (None, bytes(4)) else address

def port_of(bridge, guest):
    # struct __fdb_entry of Linux include/uapi/linux/if_bridge.h: MAC, port's low byte, is_local, age, port's high byte
    try:
        for entries in pieces("/sys/class/net/%s/brforward" % bridge):
            for at in range(0, len(entries) - 15, 16):
                if entries[at:at + 6] == guest and not entries[at + 7]:
                    return name_of(bridge, entries[at + 6] | entries[at + 12] << 8)
    except OSError:
        pass
    return None

def pieces(path):
    """The kernel answers whole entries only: a read of Python's own, which asks for less at last, would end too early."""
    table = os.open(path, os.O_RDONLY)
    try:
        while True:
            piece = os.read(table, 4096)
            if piece == b"":
                return
            yield piece
    finally:
        os.close(table)

def name_of(bridge, number):
    for name in ports(bridge):
        try:
            if int(open("/sys/class/net/%s/brif/%s/port_no" % (bridge, name)).read(), 16) == number:
                return name
        except OSError:
            pass
    return None

def is_tap(port):
    return os.path.exists("/sys/class/net/%s/tun_flags" % port)

def is_given(pf, vf, guest):
    """Whether the PF gives frames for the guest's MAC to the VF."""
    # Linux include/uapi/linux/rtnetlink.h, if_link.h: RTM_GETLINK with IFLA_EXT_MASK, RTEXT_FILTER_VF | RTEXT_FILTER_SKIP_STATS
    try:
        question = struct.pack("BxHiIIHHI", 0, 0, socket.if_nametoindex(pf), 0, 0, 8, 29, 1 | 8)
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as route:
            route.settimeout(1)
            route.send(struct.pack("IHHII", 16 + len(question), 18, 1, 1, 0) + question)
            # struct ifla_vf_mac: the VF's number, and its MAC in 32 bytes
            return struct.pack("I6s26x", pf_of(vf)[1], guest) in route.recv(1 << 20)
    except (OSError, IndexError):
        return False

def clear_mac(vf):
    try:
        set_vf(*pf_of(vf), mac="00:00:00:00:00:00")
        say({"cleared": vf})
    except (OSError, IndexError):
        pass  # libvirt clears it a moment later, when QEMU has released the VF

def say(words):
    try:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
    except OSError:
        pass  # nothing reads it any more

main()
