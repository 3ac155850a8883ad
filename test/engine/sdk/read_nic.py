"""Reads the profile and the NIC of the arguments "profile", "vm" and "nic"."""

from session import nic_of, profile_of, run


def script(connection, arguments):
    system = connection.system_service()
    vm = system.vms_service().vm_service(arguments["vm"])
    return {
        "profile": profile_of(system.vnic_profiles_service().profile_service(arguments["profile"]).get()),
        "nic": nic_of(vm.nics_service().nic_service(arguments["nic"]).get()),
    }


run(script)
