# Reads what a PF has set for one of its VFs, and sets it. Its task is one line of JSON on its standard input:
#   {"vf": "0000:b3:02.3", "mac": "52:54:00:...", "vlan": 0}
# ("mac" and "vlan" may be absent: it is only read). It answers with one line: {"mac": "52:54:00:...", "vlan": 0}.

import json, os, subprocess, sys

task = json.loads(sys.stdin.readline())
physical = "/sys/bus/pci/devices/%s/physfn" % task["vf"]
name = os.listdir(physical + "/net")[0]
numbers = [entry[6:] for entry in os.listdir(physical) if entry.startswith("virtfn")]
number = [each for each in numbers if os.path.basename(os.readlink("%s/virtfn%s" % (physical, each))) == task["vf"]][0]
if "mac" in task:
    setting = ["vf", number, "mac", task["mac"], "vlan", str(task["vlan"])]
    subprocess.run(["ip", "link", "set", name] + setting, check=True)
shown = subprocess.run(["ip", "-json", "link", "show", "dev", name], check=True, stdout=subprocess.PIPE).stdout
entry = [each for each in json.loads(shown.decode())[0]["vfinfo_list"] if each["vf"] == int(number)][0]
tags = [each["vlan"] for each in entry.get("vlan_list", []) if "vlan" in each]
print(json.dumps({"mac": entry.get("address", entry.get("mac")), "vlan": tags[0] if tags else 0}))
