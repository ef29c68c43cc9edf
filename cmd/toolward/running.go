package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"toolward/config"
	"toolward/web"
	"toolward/web/admin"
	"toolward/web/proof"
)

// runningGateway finds the gateway of a configuration that agents reach on this
// machine: where it noted that it listens, which is another address than the
// configuration's after `serve --listen`, or at the configuration's own. client sends
// to nobody else.
func runningGateway(ctx context.Context, cfg *config.Config) (base string, client *http.Client, err error) {
	var errs []error
	for _, base := range gatewayAddresses(cfg) {
		client, err := toGateway(cfg, base)
		if err == nil {
			err = greet(ctx, client, base)
		}
		if err == nil {
			return base, client, nil
		}
		errs = append(errs, fmt.Errorf("%s: %w", base, err))
	}
	return "", nil, joined(errs)
}

// greet sends what says nothing: whether it can be sent is the question.
func greet(ctx context.Context, client *http.Client, base string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// joined is several errors in one line.
func joined(errs []error) error {
	all := errs[0]
	for _, err := range errs[1:] {
		all = fmt.Errorf("%w; %w", all, err)
	}
	return all
}

func gatewayAddresses(cfg *config.Config) []string {
	scheme := "http://"
	if cfg.TLS != nil {
		scheme = "https://"
	}
	all := []string{nearAddress(scheme + cfg.Listen)}
	if noted, err := admin.ReadCredential(credentialPath(cfg)); err == nil && noted.Agents != "" && noted.Agents != all[0] {
		all = append([]string{noted.Agents}, all...)
	}
	return all
}

// toGateway sends to the gateway of a configuration that listens at base, and to
// nobody else: to its port may listen who wants, once it is gone. Without TLS each
// connection proves that the gateway is at its end. With TLS the certificate does, of which
// only the gateway has the key.
func toGateway(cfg *config.Config, base string) (*http.Client, error) {
	if strings.HasPrefix(base, "https://") {
		if cfg.TLS == nil {
			return nil, fmt.Errorf("the gateway has TLS at %s, and the configuration names no certificate: was it changed since the gateway started?", base)
		}
		return certified(cfg, base)
	}
	if !exists(beside(cfg, "toolward.secret")) {
		return nil, fmt.Errorf("no gateway has run yet on the record %s", cfg.Audit.Path)
	}
	key, err := installationKey(cfg, proofUse)
	if err != nil {
		return nil, err
	}
	return &http.Client{Transport: proof.Transport(key)}, nil
}

// proofUse is what the key of the proof is for.
const proofUse = "proof of the gateway"

// prove mounts the proof on a listener, unless it has TLS.
func (r *rooms) prove(site *web.Server) error {
	if strings.HasPrefix(site.URL(), "https://") {
		return nil
	}
	key, err := installationKey(r.cfg, proofUse)
	if err != nil {
		return err
	}
	site.Handle("GET "+proof.Path, proof.Handler(key))
	return nil
}
