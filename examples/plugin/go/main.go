package main

import (
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
	"pulumi-vnic-failover/sdk/go/vnicfailover"
)

func main() {
	pulumi.Run(func(ctx *pulumi.Context) error {
		settings := config.New(ctx, "")
		vm := pulumi.String(settings.Require("vm"))

		// The standby: a virtio NIC on the bridge of network "data".
		standby, err := vnicfailover.NewVnicProfile(ctx, "data", &vnicfailover.VnicProfileArgs{
			Network: pulumi.String("data"),
		})
		if err != nil {
			return err
		}

		// The VF, with the standby behind it.
		fast, err := vnicfailover.NewVnicProfile(ctx, "data-vf", &vnicfailover.VnicProfileArgs{
			Network:     pulumi.String("data-vf"),
			PassThrough: vnicfailover.PassThroughEnabled,
			Migratable:  pulumi.Bool(true),
			Failover:    standby.ID(),
		})
		if err != nil {
			return err
		}

		// One interface of the VM: both devices, with one MAC.
		nic, err := vnicfailover.NewVmInterface(ctx, "nic", &vnicfailover.VmInterfaceArgs{
			Vm:      vm,
			Profile: fast.ID(),
		})
		if err != nil {
			return err
		}

		// Where the VM runs.
		placement, err := vnicfailover.NewVmPlacement(ctx, "placement", &vnicfailover.VmPlacementArgs{
			Vm:   vm,
			Host: pulumi.String(settings.Require("host")),
		}, pulumi.DependsOn([]pulumi.Resource{nic}))
		if err != nil {
			return err
		}

		ctx.Export("mac", nic.Mac)
		ctx.Export("host", placement.Host)
		return nil
	})
}
