# Reads what a PF has set for one of its VFs, and sets it. Its task is one line of JSON on its standard input:
#   {"vf": "0000:b3:02.3", "mac": "52:54:00:...", "vlan": 0}
# ("mac" and "vlan" may be absent: it is only read). It answers with one line: {"mac": "52:54:00:...", "vlan": 0}.
# Stands behind vf-link.py.

task = json.loads(sys.stdin.readline())
pf, number = pf_of(task["vf"])
if "mac" in task:
    set_vf(pf, number, task["mac"], task["vlan"])
print(json.dumps(vf_as_set(pf, number)))
