//go:build tools

// Package tools pins the Pulumi CLI that `npm run setup` builds where the vendor's site is out of reach.
package tools

import _ "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
