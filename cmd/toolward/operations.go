package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"toolward/audit"
	"toolward/config"
	"toolward/gateway"
	"toolward/policy"
	"toolward/web/admin"
	"toolward/web/telemetry"
)

// operations is a command's end of /v1/admin: that of the running gateway, or,
// where none runs, the same handler in this process over the gateway's files.
type operations struct {
	client *http.Client
	base   string
	token  string
	close  func() error

	inFiles bool // no gateway runs
}

// whereFlags say which gateway is meant.
type whereFlags struct {
	g     *globals
	url   string
	local localRooms // nil: [recorded]
}

// localRooms completes what a command has of the gateway's files where none runs.
type localRooms func(context.Context, *rooms, *admin.Options) error

// recorded asks for a record: what people decide about is in it.
func recorded(_ context.Context, r *rooms, _ *admin.Options) error {
	if r.store == nil {
		return fmt.Errorf("there is no record at %s: no gateway has run here", r.cfg.Audit.Path)
	}
	return nil
}

func (f *whereFlags) flag(cmd *cobra.Command) {
	cmd.PersistentFlags().StringVar(&f.url, "url", "", "base URL of the gateway, with the operator's token in TOOLWARD_TOKEN;\nelse the gateway that runs on the configuration's record")
}

// open finds the gateway. At --url it is asked with the token. Else it is
// the one that runs on the record, whose address and credential lie beside it; or,
// for who may not read these, the one that the configuration describes, with the
// token. If none runs, local gets the files, with the record as its only writer.
func (f *whereFlags) open(ctx context.Context) (*operations, error) {
	token := os.Getenv("TOOLWARD_TOKEN")
	if f.url != "" {
		if token == "" {
			return nil, errors.New("--url needs an operator's token in TOOLWARD_TOKEN: the credential beside the record is for the gateway that runs on it")
		}
		return &operations{client: http.DefaultClient, base: f.url, token: token, close: nothing}, nil
	}
	cfg, err := loadBeside(f.g)
	if err != nil {
		return nil, err
	}
	if _, err := admin.ReadCredential(credentialPath(cfg)); err != nil && token != "" {
		client, err := clientFor(cfg, adminURL(cfg))
		return &operations{client: client, base: adminURL(cfg), token: token, close: nothing}, err
	}
	local := f.local
	if local == nil {
		local = recorded
	}
	o, err := inFiles(ctx, cfg, local)
	if errors.Is(err, audit.ErrInUse) {
		return inRunning(cfg, err)
	}
	return o, err
}

func nothing() error { return nil }

// adminURL is where the operators' API of a configuration is.
func adminURL(cfg *config.Config) string {
	switch {
	case cfg.Admin.Listen == "":
		return baseURL(cfg)
	case cfg.TLS != nil:
		return "https://" + cfg.Admin.Listen
	}
	return "http://" + cfg.Admin.Listen
}

// inRunning is the gateway that has the record open.
func inRunning(cfg *config.Config, inUse error) (*operations, error) {
	if !cfg.Admin.Enabled {
		return nil, fmt.Errorf("%w, and does not take what people decide (admin.enabled: false); nothing was done\n  stop the gateway, run this again, and start it; or set admin.enabled: true", inUse)
	}
	o, err := noted(cfg)
	if err != nil {
		return nil, fmt.Errorf("%w, and how to reach it is not known: %w", inUse, err)
	}
	return o, nil
}

// noted is the gateway that noted where its operators' API listens.
func noted(cfg *config.Config) (*operations, error) {
	n, err := admin.ReadCredential(credentialPath(cfg))
	if err != nil {
		return nil, err
	}
	client, err := toGateway(cfg, n.Operators)
	if err != nil {
		return nil, err
	}
	return &operations{client: client, base: n.Operators, token: n.Token, close: func() error { client.CloseIdleConnections(); return nil }}, nil
}

// inFiles answers from the gateway's files, in this process.
func inFiles(ctx context.Context, cfg *config.Config, local localRooms) (*operations, error) {
	r, err := openRecord(ctx, cfg)
	if err != nil {
		return nil, err
	}
	credential, token := admin.NewCredential()
	who, err := whoRuns()
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	opt := r.operators(&admin.Local{Credential: credential, User: who.Subject})
	opt.Permit = r.permit
	opt.Road = recordOnly(r)
	opt.Challenge = func(string, string, *gateway.Refusal, bool) string { return "" }
	opt.Limit = func(*gateway.Agent) (func(), error) { return func() {}, nil }
	if err := local(ctx, r, &opt); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return &operations{client: &http.Client{Transport: inProcess{admin.New(opt)}}, base: "http://localhost", token: token, close: r.close, inFiles: true}, nil
}

// permit asks the policy as its files are now: no gateway has it in force.
func (r *rooms) permit(ctx context.Context, by gateway.Operator, role string, a gateway.Approval) ([]string, error) {
	engine, err := policy.Open(ctx, policyOptions(r.cfg, r.log, nil))
	if err != nil {
		return nil, err
	}
	return engine.MayApprove(ctx, by, role, a)
}

// openRecord opens the record of a gateway that does not run, and what follows from
// it. Its store is nil if there is none. It returns [audit.ErrInUse] while a gateway
// runs.
func openRecord(ctx context.Context, cfg *config.Config) (*rooms, error) {
	r := &rooms{cfg: cfg, log: slog.New(slog.DiscardHandler), metrics: telemetry.NewMetrics(version())}
	if !exists(cfg.Audit.Path) {
		return r, nil
	}
	if err := r.openFiles(ctx); err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

// openFiles opens the record, or makes it.
func (r *rooms) openFiles(ctx context.Context) error {
	r.cfg.Audit.Retain, r.cfg.Audit.RetainBodies = 0, 0                                         // a command removes only what it is told to
	for _, step := range []func(context.Context) error{r.openGuard, r.openAudit, r.openState} { // guard reads what is recorded
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// recordOnly is a road on which nothing is called, and refusals are recorded.
func recordOnly(r *rooms) *gateway.Road { return &gateway.Road{Recorder: r.store} }

// clientFor trusts, at an https address that no public URL names, exactly the
// certificate that the configuration gives the listener: no name in it need be
// that of this machine's loopback.
func clientFor(cfg *config.Config, base string) (*http.Client, error) {
	if cfg.TLS == nil || !strings.HasPrefix(base, "https://") || cfg.PublicURL != "" && base == baseURL(cfg) {
		return http.DefaultClient, nil
	}
	return certified(cfg, base)
}

// certified trusts exactly the listener's certificate, at whatever address.
func certified(cfg *config.Config, base string) (*http.Client, error) {
	raw, err := os.ReadFile(cfg.TLS.Cert)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(raw)
	if block == nil {
		return nil, fmt.Errorf("%s holds no certificate", cfg.TLS.Cert)
	}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, //nolint:gosec // VerifyConnection compares the certificate itself, which says more than its name
		VerifyConnection: func(s tls.ConnectionState) error {
			if !bytes.Equal(s.PeerCertificates[0].Raw, block.Bytes) {
				return fmt.Errorf("what answers at %s has another certificate than %s", base, cfg.TLS.Cert)
			}
			return nil
		},
	}}}, nil
}

// look finds the gateway, asks it, and lets go of it.
func look[T any](cmd *cobra.Command, f *whereFlags, path string) (T, error) {
	return once[T](cmd, f, http.MethodGet, path, nil)
}

// order is look for what changes something.
func order[T any](cmd *cobra.Command, f *whereFlags, path string, body any) (T, error) {
	return once[T](cmd, f, http.MethodPost, path, body)
}

func once[T any](cmd *cobra.Command, f *whereFlags, method, path string, body any) (answer T, err error) {
	o, err := f.open(cmd.Context())
	if err != nil {
		return answer, err
	}
	err = o.ask(cmd.Context(), method, path, body, &answer)
	return answer, errors.Join(err, o.close())
}

// given is a query of the parameters that are not empty.
func given(params map[string]string) url.Values {
	q := url.Values{}
	for name, v := range params {
		if v != "" {
			q.Set(name, v)
		}
	}
	return q
}
