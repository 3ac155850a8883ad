# Runs after the announcer's own functions, in a network namespace of its own: a bridge with an uplink (`wire0`) and a guest's
# tap (`vnet0`), and a PF (`pf0`), whose other end (`vf0`) stands for the VF. Says as JSON what each part did.

def ip(*words):
    subprocess.run(["ip", *words], check=True)

def heard(packets):
    frames = []
    while select.select([packets], [], [], 0.3)[0]:
        frame, extra, _, _ = packets.recvmsg(2048, socket.CMSG_SPACE(20))
        frames.append((frame[:12] + tag_of(extra) + frame[12:]).hex())
    return frames

import subprocess

def scene():
    subprocess.run(["mount", "-t", "sysfs", "sysfs", "/sys"], check=True)
    guest = mac_bytes("52:54:00:aa:00:50")
    ip("link", "add", "br0", "type", "bridge")
    ip("link", "add", "wire0", "type", "veth", "peer", "name", "switch0")
    ip("link", "add", "pf0", "address", "02:00:00:00:00:01", "type", "veth", "peer", "name", "vf0")
    ip("tuntap", "add", "vnet0", "mode", "tap")
    ip("link", "set", "vnet0", "address", "fe:54:00:aa:00:50")
    for port in ("wire0", "vnet0"):
        ip("link", "set", port, "master", "br0")
    for device in ("br0", "wire0", "switch0", "pf0", "vf0", "vnet0"):
        ip("link", "set", device, "up")

    filters = lambda: subprocess.run(["bridge", "fdb", "show", "dev", "wire0"], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
    here = taken_in("br0", guest)
    during = "52:54:00:aa:00:50" in filters()
    here.close()
    after = "52:54:00:aa:00:50" in filters()

    # The tap of a guest that is not emulated takes no frames: veth `guest0` is one that does.
    ip("link", "add", "guest0", "type", "veth", "peer", "name", "inside0")
    for device in ("guest0", "inside0"):
        ip("link", "set", device, "up")
    vf = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    vf.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    vf.bind(("vf0", 0))
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind(("guest0", 0))
    peer, pf, other = (mac_bytes(text) for text in ("02:00:00:00:00:09", "02:00:00:00:00:01", "52:54:00:aa:00:51"))
    frame = lambda to, by, body: to + by + b"\x88\xb5" + body.ljust(46, b".")
    copied = {}
    for name, vlan in (("plain", 0), ("tagged", 100)):
        heard(vf)
        copies = Copies("guest0", "pf0", 0, vlan, guest)
        out.send(frame(guest, peer, b"before it may go"))
        copies.begin()
        for sent in (frame(guest, peer, b"for the guest"), frame(other, peer, b"for another"),
                     frame(b"\xff" * 6, peer, b"for all"), frame(guest, pf, b"come back")):
            out.send(sent)
        while select.select([copies.tap], [], [], 0.3)[0]:
            copies.forward()
        copied[name] = {"sent": copies.sent, "heard": [each for each in heard(vf) if "88b5" in each]}
        copies.close()

    # What passing on costs is measured by this program's own use of a CPU: here that of a time in which it did nothing, and of a busy one.
    copies, spared = Copies("guest0", "pf0", 0, 0, guest), []
    def passed(words):
        before = copies.sent
        out.send(frame(guest, peer, words))
        while select.select([copies.tap], [], [], 0.3)[0]:
            copies.forward()
        return copies.sent - before
    def busy():
        end = time.time() + 2 * MEASURED
        while time.time() < end:
            pass
        copies.spare(time.time())
    copies.begin()
    time.sleep(MEASURED)
    copies.spare(time.time())
    spared.append([copies.waits, passed(b"at ease")])
    busy()
    spared.append([copies.waits, passed(b"in haste")])
    copies.must()
    spared.append([copies.waits, passed(b"needed")])
    busy()
    spared.append([copies.waits, passed(b"needed still")])
    copies.close()

    # Addresses: another port of the bridge forges the guest's MAC.
    wire = frames_of(guest, "br0")
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    out.bind(("switch0", 0))
    for number in range(50):
        out.send(frame(b"\xff" * 6, mac_bytes("02:00:00:00:01:%02x" % number), b"of another"))
    others = bool(select.select([wire], [], [], 0.3)[0])
    out.send(frame(b"\xff" * 6, guest, b"of the guest"))
    guests = bool(select.select([wire], [], [], 0.3)[0])
    wire.close()
    ip("address", "add", "10.9.0.1/24", "dev", "br0")
    program = subprocess.Popen([sys.executable, "-I", "-c", os.environ["ANNOUNCER"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    task = {"bridge": "br0", "mac": "52:54:00:aa:00:50", "addresses": ["10.9.0.50"], "interval": 0.05, "seconds": 60}
    program.stdin.write(json.dumps(task).encode() + b"\n")
    program.stdin.flush()
    program.stdout.readline()
    program.stdin.write(b"fast\n")
    questions = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
    questions.bind(("switch0", 0x0806))
    for number in range(20):
        out.send(b"\xff" * 6 + guest + b"\x08\x06" + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 1, guest,
                 socket.inet_aton("10.%d.0.%d" % (9 + number % 2, 100 + number)), bytes(6), bytes(4)))
    asked, end = {}, time.time() + 2
    while time.time() < end:
        if select.select([questions], [], [], 0.1)[0]:
            request = questions.recv(2048)
            if request[6:12] == mac_of("br0"):
                key = (socket.inet_ntoa(request[38:42]), socket.inet_ntoa(request[28:32]))
                asked[key] = asked.get(key, 0) + 1
    told = lambda: select.select([program.stdout], [], [], 0.3)[0] and os.read(program.stdout.fileno(), 65536) or b""
    said = lambda: [json.loads(line) for line in told().splitlines()]
    ports_told = lambda: [[key, line[key]] for line in said() for key in ("port", "answers") if key in line]
    def answer():
        end = time.time() + 1
        while time.time() < end:
            if select.select([questions], [], [], 0.1)[0]:
                request = questions.recv(2048)
                if request[6:12] == mac_of("br0"):
                    out.send(request[6:12] + guest + b"\x08\x06" + struct.pack("!HHBBH6s4s6s4s", 1, 0x0800, 6, 4, 2, guest,
                             request[38:42], request[6:12], request[28:32]))
        return ports_told()
    # So far frames by the guest's MAC have come by `wire0`, as those that a switch sends back do. Now it answers there: on the other host,
    # and when it has its VF.
    glimpsed, elsewhere = ports_told(), answer()
    program.stdin.write(b"plugged 0000:ff:00.0 0\n")
    answering = answer()
    program.stdin.close()
    program.wait()

    # More entries than a page of the bridge's table: the guest's own is still found.
    batch = "".join("fdb add 02:01:00:00:%02x:%02x dev wire0 master static\n" % (number >> 8, number & 255) for number in range(6000))
    subprocess.run(["bridge", "-batch", "-"], input=batch, universal_newlines=True, check=True)
    out.send(frame(b"\xff" * 6, guest, b"of the guest"))
    time.sleep(0.2)

    print(json.dumps({
        "wire": [others, guests],
        "asked": sorted([*key, count] for key, count in asked.items()),
        "port": port_of("br0", guest),
        "glimpsed": glimpsed,
        "elsewhere": elsewhere,
        "answering": answering,
        "far": further(struct.pack("BBHHHH", 1, 1, 65534, 1448, 65534, 16), 4).hex(),
        "filter": [during, after],
        "below": sorted(below("br0")),
        "taps": [port for port in sorted(ports("br0")) if is_tap(port)],
        "copied": copied,
        "spared": spared,
        "further": further(struct.pack("BBHHHH", 1, 1, 54, 1448, 34, 16), 4).hex(),
        "unchecked": further(struct.pack("BBHHHH", 0, 0, 0, 0, 0, 0), 4).hex(),
        "tag": tag_of([(SOL_PACKET, PACKET_AUXDATA, struct.pack("IIIHHHH", 0x51, 60, 60, 0, 14, 7, 0x8100))]).hex(),
        "untagged": tag_of([(SOL_PACKET, PACKET_AUXDATA, struct.pack("IIIHHHH", 0x1, 60, 60, 0, 14, 0, 0))]).hex(),
    }))

scene()
