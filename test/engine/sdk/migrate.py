"""Adds a NIC with failover to a running VM, unplugs and plugs it, migrates the VM, and removes the NIC. Takes the id of the
profile as argument "profile"."""

import time

from ovirtsdk4 import types

from session import nic_of, refused, run


def script(connection, arguments):
    system = connection.system_service()
    found = system.vms_service().list(search="name=web")[0]
    vm = system.vms_service().vm_service(found.id)
    nics = vm.nics_service()
    added = nics.add(types.Nic(
        name="nic1",
        interface=types.NicInterface.PCI_PASSTHROUGH,
        vnic_profile=types.VnicProfile(id=arguments["profile"]),
    ))
    nic = nics.nic_service(added.id)
    hot = refused(lambda: nic.update(types.Nic(name="renamed")))
    nic.deactivate()
    renamed = nic.update(types.Nic(name="renamed"))
    nic.activate()

    vm.migrate(host=types.Host(name="host2"), query={"correlation_id": "of-the-sdk"})
    while_migrating = vm.get().status.value
    replugged = wait_for(lambda: nic.get(), lambda each: each.plugged)
    moved = vm.get()
    same_host = refused(lambda: vm.migrate(host=types.Host(id=moved.host.id)))
    reported = [each.name for each in nic.reported_devices_service().list()]
    nic.deactivate()
    nic.remove()
    return {
        "added": nic_of(added),
        "hot": hot,
        "renamed": nic_of(renamed),
        "while_migrating": while_migrating,
        "replugged": nic_of(replugged),
        "moved": [moved.status.value, connection.follow_link(moved.host).name],
        "same_host": same_host,
        "reported": reported,
        "jobs": [[each.description, each.status.value] for each in system.jobs_service().list()],
        "events": [each.code for each in system.events_service().list(from_=0, search="severity=normal")],
        "correlated": [each.code for each in system.events_service().list(search="correlation_id=of-the-sdk")],
        "left": [each.name for each in nics.list()],
    }


def wait_for(read, fits):
    for _ in range(600):
        found = read()
        if fits(found):
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


run(script)
