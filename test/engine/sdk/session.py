"""Runs a script with oVirt's own client: the engine's address and arguments come as JSON on standard input, what the
script returns goes to standard output as JSON. A refusal is returned too, as {"code", "reason", "detail"}."""

import json
import sys

import ovirtsdk4


def run(script):
    given = json.load(sys.stdin)
    engine = given["engine"]
    connection = ovirtsdk4.Connection(
        url=engine["url"],
        username=engine["username"],
        password=engine["password"],
        ca_file=engine["caFile"],
        timeout=30,
    )
    try:
        answer = script(connection, given.get("arguments", {}))
    finally:
        connection.close()
    json.dump(answer, sys.stdout)


def refused(call):
    """The fault with which the engine refuses the call."""
    try:
        call()
    except ovirtsdk4.Error as error:
        fault = error.fault
        return {
            "code": error.code,
            "reason": fault.reason if fault else None,
            "detail": fault.detail if fault else None,
        }
    raise AssertionError("the engine did not refuse")


def profile_of(profile):
    return {
        "id": profile.id,
        "name": profile.name,
        "description": profile.description,
        "network": profile.network.id,
        "pass_through": profile.pass_through.mode.value,
        "migratable": profile.migratable,
        "failover": profile.failover.id if profile.failover else None,
        "network_filter": profile.network_filter.id if profile.network_filter else None,
        "custom_properties": {each.name: each.value for each in profile.custom_properties or []},
    }


def nic_of(nic):
    return {
        "id": nic.id,
        "name": nic.name,
        "mac": nic.mac.address,
        "interface": nic.interface.value,
        "plugged": nic.plugged,
        "linked": nic.linked,
        "vnic_profile": nic.vnic_profile.id if nic.vnic_profile else None,
    }
