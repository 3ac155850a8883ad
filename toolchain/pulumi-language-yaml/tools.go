//go:build tools

// Package tools pins the YAML language host that `npm run setup -- --languages yaml` builds.
package tools

import _ "github.com/pulumi/pulumi-yaml/cmd/pulumi-language-yaml"
