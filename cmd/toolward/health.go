package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// newHealth is for containers whose image has no other HTTP client.
func newHealth(g *globals) *cobra.Command {
	var url string
	cmd := &cobra.Command{
		Use:   "health",
		Short: "Ask a running gateway whether it is healthy",
		Long:  "Asks the gateway of a configuration at its own address, over TLS if that is configured (what\nanswers must have the configured certificate). It needs no upstream's secrets.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client := http.DefaultClient
			if url == "" {
				cfg, err := loadBeside(g)
				if err != nil {
					return err
				}
				scheme := "http"
				if cfg.TLS != nil {
					scheme = "https"
				}
				url = nearAddress(scheme + "://" + cfg.Listen)
				if client, err = clientFor(cfg, url); err != nil {
					return err
				}
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), 3*time.Second)
			defer cancel()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/healthz", nil)
			if err != nil {
				return err
			}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return foundError{fmt.Sprintf("%s answers %s", url, resp.Status)}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&url, "url", "", "base URL of the gateway, instead of the configuration's address")
	return cmd
}
