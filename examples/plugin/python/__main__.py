import pulumi
from pulumi_vnic_failover import VmInterface, VmPlacement, VnicProfile

config = pulumi.Config()
vm = config.require("vm")

# The standby: a virtio NIC on the bridge of network "data".
standby = VnicProfile("data", network="data")

# The VF, with the standby behind it.
fast = VnicProfile("data-vf", network="data-vf", pass_through="enabled", migratable=True, failover=standby.id)

# One interface of the VM: both devices, with one MAC.
nic = VmInterface("nic", vm=vm, profile=fast.id)

# Where the VM runs.
placement = VmPlacement(
    "placement", vm=vm, host=config.require("host"), opts=pulumi.ResourceOptions(depends_on=[nic])
)

pulumi.export("mac", nic.mac)
pulumi.export("host", placement.host)
