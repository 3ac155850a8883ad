# What a PF has set for its VFs, by the kernel's own netlink: as `ip link` does it, for hosts that have no iproute2. It goes before
# the programs that need it, and is for Python 3.6 and later.
import array, json, os, select, socket, struct, sys, time

# Linux include/uapi/linux/rtnetlink.h, netlink.h, if_link.h
RTM_NEWLINK, RTM_GETLINK, NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 16, 18, 1, 4, 2
IFLA_VFINFO_LIST, IFLA_EXT_MASK, RTEXT_FILTER_VF = 22, 29, 1
IFLA_VF_INFO, IFLA_VF_MAC, IFLA_VF_VLAN = 1, 1, 2

def attribute(kind, value):
    return struct.pack("HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

def attributes(data):
    found = []
    while len(data) >= 4:
        length, kind = struct.unpack("HH", data[:4])
        if length < 4:
            break
        found.append((kind & 0x3fff, data[4:length]))
        data = data[(length + 3) & ~3:]
    return found

def link_request(kind, pf, sent):
    """The attributes of the kernel's answer; none of an acknowledgement."""
    body = struct.pack("BxHiII", socket.AF_UNSPEC, 0, socket.if_nametoindex(pf), 0, 0) + sent
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.settimeout(5)
        kernel.send(struct.pack("IHHII", 16 + len(body), kind, NLM_F_REQUEST | NLM_F_ACK, 1, 0) + body)
        answer = kernel.recv(1 << 20)
    _, what, _, _, _ = struct.unpack("IHHII", answer[:16])
    if what == NLMSG_ERROR:
        code = -struct.unpack("i", answer[16:20])[0]
        if code:
            raise OSError(code, os.strerror(code))
        return []
    length = struct.unpack("I", answer[:4])[0]
    return attributes(answer[32:length])

def set_vf_by_netlink(pf, number, mac, vlan):
    wanted = attribute(IFLA_VF_MAC, struct.pack("I32s", number, bytes(int(part, 16) for part in mac.split(":"))))
    if vlan is not None:
        wanted += attribute(IFLA_VF_VLAN, struct.pack("III", number, vlan, 0))
    link_request(RTM_NEWLINK, pf, attribute(IFLA_VFINFO_LIST, attribute(IFLA_VF_INFO, wanted)))

def vf_by_netlink(pf, number):
    mac, vlan = None, 0
    for kind, listed in link_request(RTM_GETLINK, pf, attribute(IFLA_EXT_MASK, struct.pack("I", RTEXT_FILTER_VF))):
        for _, info in attributes(listed) if kind == IFLA_VFINFO_LIST else []:
            told = dict(attributes(info))
            if IFLA_VF_MAC in told and struct.unpack("I", told[IFLA_VF_MAC][:4])[0] == number:
                mac = ":".join("%02x" % part for part in told[IFLA_VF_MAC][4:10])
                vlan = struct.unpack("II", told[IFLA_VF_VLAN][:8])[1] if IFLA_VF_VLAN in told else 0
    if mac is None:
        raise OSError("%s tells nothing of its VF %d" % (pf, number))
    return {"mac": mac, "vlan": vlan}

def run_ip(*words):
    """Of `ip`, what it prints; None where the host has none."""
    import subprocess  # takes as long to load as all the rest: the announcer seldom needs it
    try:
        return subprocess.run(("ip",) + words, check=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout
    except FileNotFoundError:
        return None
    except subprocess.CalledProcessError as error:
        raise OSError((error.stderr.decode(errors="replace").strip().splitlines() or ["ip failed"])[-1])

def set_vf(pf, number, mac, vlan=None):
    setting = ["vf", str(number), "mac", mac] + ([] if vlan is None else ["vlan", str(vlan)])
    if run_ip("link", "set", pf, *setting) is None:
        set_vf_by_netlink(pf, number, mac, vlan)

def vf_as_set(pf, number):
    shown = run_ip("-json", "link", "show", "dev", pf)
    if shown is None:
        return vf_by_netlink(pf, number)
    entry = [each for each in json.loads(shown.decode())[0]["vfinfo_list"] if each["vf"] == number][0]
    tags = [each["vlan"] for each in entry.get("vlan_list", []) if "vlan" in each]
    return {"mac": entry.get("address", entry.get("mac")), "vlan": tags[0] if tags else 0}

def pf_of(vf):
    """The PF's interface, and the VF's number there."""
    physical = "/sys/bus/pci/devices/%s/physfn" % vf
    numbers = [entry[6:] for entry in os.listdir(physical) if entry.startswith("virtfn")]
    number = [each for each in numbers if os.path.basename(os.readlink("%s/virtfn%s" % (physical, each))) == vf][0]
    return os.listdir(physical + "/net")[0], int(number)

