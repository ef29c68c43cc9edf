package main

import (
	"os"

	"github.com/spf13/cobra"

	"toolward/mcp/demo"
)

// newDemo is the server that `toolward serve` starts when nothing is configured.
func newDemo() *cobra.Command {
	return &cobra.Command{
		Use:   "demo-server",
		Short: "The demo MCP server, on standard input and output",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return demo.Serve(cmd.Context(), os.Stdin, os.Stdout, version())
		},
	}
}
