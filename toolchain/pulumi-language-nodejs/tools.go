//go:build tools

// Package tools pins the Node.js language host that `npm run setup` builds where the vendor's site is out of reach.
package tools

import _ "github.com/pulumi/pulumi/sdk/v3/nodejs/cmd/pulumi-language-nodejs"
