module failover

go 1.25.11

require (
	github.com/pulumi/pulumi/sdk/v3 v3.259.0
	pulumi-vnic-failover/sdk/go/vnicfailover v0.1.0
)

// Where `pulumi package gen-sdk` was told to write it.
replace pulumi-vnic-failover/sdk/go/vnicfailover => ./sdk/go/vnicfailover
