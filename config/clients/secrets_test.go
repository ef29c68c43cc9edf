package clients_test

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"toolward/config"
	"toolward/config/clients"
	"toolward/guard/secret"
)

// detect asks the detectors that the command asks.
func detect(t testing.TB) clients.ImportOptions {
	t.Helper()
	d, err := secret.New(secret.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return clients.ImportOptions{Secret: func(text string) bool { return len(d.Scan(nil, "", text)) > 0 }}
}

// importEntry imports a file with one server.
func importEntry(t *testing.T, entry map[string]any) (*clients.Imported, string) {
	t.Helper()
	raw, err := json.Marshal(map[string]any{"mcpServers": map[string]any{"srv": entry}})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "mcp.json")
	mustWrite(t, path, raw)
	in, err := clients.Import(path, detect(t))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := in.Render(&b); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Parse("toolward.yaml", []byte(b.String()), anyVariable(in.Variables)); err != nil {
		t.Errorf("the result is no valid configuration:\n%v\n%s", err, b.String())
	}
	return in, b.String() + strings.Join(in.Warnings, "\n")
}

func args(a ...string) map[string]any {
	return map[string]any{"command": "npx", "args": append([]string{"-y", "x@1"}, a...)}
}
func env(name, value string) map[string]any {
	return map[string]any{"command": "x", "env": map[string]string{name: value}}
}
func at(url string) map[string]any { return map[string]any{"type": "http", "url": url} }

// The forms in which people write secrets into clients' files. None is copied, and
// the file of variables has what makes the program work. All are synthetic.
func TestImportKeepsSecretsOut(t *testing.T) {
	const gh, rnd = "ghp_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB", "q7Zp1Xv9Lk3Rt5Wd"
	for _, tt := range []struct {
		name   string
		entry  map[string]any
		secret string // not anywhere in what is printed
	}{
		{"a key of a known form, alone", args(gh), gh},
		{"another", args("sk-ant-api03-CCCCCCCCCCCCCCCCCCCCCCCC"), "CCCCCCCC"},
		{"a random text, alone", args(rnd), rnd},
		{"a UUID, alone", args("0b1f7a52-93c4-4a0e-8d55-2f6f9b1c7e10"), "0b1f7a52"},
		{"a connection string", args("--connection-string", "Server=db;User=sa;Password=P4ssw0rd!"), "P4ssw0rd"},
		{"a connection string, alone", args("Server=db;User Id=sa;Pwd=hunter"), "hunter"},
		{"a data source of Postgres", args("--dsn", "host=db user=me password=s3cr3t"), "s3cr3t"},
		{"a data source behind =", args("--dsn=host=db user=me password=abc"), "abc"},
		{"a data source of MySQL", args("user:hunter@tcp(db:3306)/x?parseTime=true&password=hunter"), "hunter"},
		{"JDBC", args("jdbc:postgresql://db/x?user=u&password=hunter"), "hunter"},
		{"a short flag", args("-k", "shortkey1"), "shortkey1"},
		{"a short flag with its value", args("-phunter2pass3x"), "hunter2"},
		{"a password flag of one letter", args("-p", "correcthorse"), "correcthorse"},
		{"a user and password", args("-u", "me:hunter"), "hunter"},
		{"a flag of words", args("--api-key", "plain"), "plain"},
		{"a flag with =", args("--access-token=plain"), "plain"},
		{"a flag in camel case", args("--apiKey", "plain"), "plain"},
		{"a Go flag", args("-token", "plain"), "plain"},
		{"--pat", args("--pat", "plain"), "plain"},
		{"a secret after a switch", args("--verbose", "--secret", "plain"), "plain"},
		{"a secret that begins with a dash", args("--token", "-Zx9"), "-Zx9"},
		{"a secret of letters that begins with a dash", args("--token", "-plainer"), "-plainer"},
		{"docker's environment", args("run", "-e", "API_KEY=plain", "image"), "plain"},
		{"docker's environment of another name", args("run", "-e", "DATABASE_URL=postgres://u:hunter@db/x"), "hunter"},
		{"docker's environment in one", args("run", "--env=API_KEY=plain", "image"), "plain"},
		{"a header", args("--header", "X-Api-Key: plain"), "plain"},
		{"a header with =", args("--header=Authorization: Bearer plain"), "plain"},
		{"a header of curl", args("-H", "Authorization: Basic cGxhaW4="), "cGxhaW4"},
		{"a URL with a password", args("postgres://u:hunter@db/x"), "hunter"},
		{"a URL with a user only", args("https://plainuser@o1.example/1"), "plainuser"},
		{"Redis without a user", args("redis://:hunter@db:6379"), "hunter"},
		{"a query", args("https://a.example/mcp?api_key=plain"), "plain"},
		{"JSON", args("--config", `{"apiKey":"plain","x":1}`), "plain"},
		{"JSON in JSON", args("--config", `"{\"apiKey\":\"plain\"}"`), "plain"},
		{"headers in JSON", args(`--headers={"Authorization":"Bearer plain"}`), "plain"},
		{"a shell's assignment", map[string]any{"command": "sh", "args": []string{"-c", "TOKEN=plain exec server"}}, "plain"},
		{"a shell's flag", map[string]any{"command": "sh", "args": []string{"-c", "exec server --token plain"}}, "plain"},
		{"a shell's export", map[string]any{"command": "bash", "args": []string{"-lc", "export MY_PASSWORD='plain'; server"}}, "plain"},
		{"all in the command", map[string]any{"command": "server --token plain"}, "plain"},
		{"partly a variable", args("postgres://u:hunter@${HOST}/x"), "hunter"},
		{"a JSON Web Token", args("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c3ludGhldGljLXNpZ25hdHVyZQ"), "c3ludGhl"},
		{"Bearer in a text", args("--auth-header-value", "Bearer plainplain"), "plainplain"},

		{"a variable's name", env("GITHUB_TOKEN", "plain"), "plain"},
		{"one word", env("PGPASSWORD", "plain"), "plain"},
		{"a password's short name", env("MYSQL_PWD", "plain"), "plain"},
		{"a personal access token", env("GITLAB_PAT", "plain"), "plain"},
		{"a key of a known form", env("THING", gh), gh},
		{"a random value", env("THING", rnd), rnd},
		{"a URL of a database", env("DATABASE_URL", "postgres://u:hunter@db/x"), "hunter"},
		{"Notion's headers", env("OPENAPI_MCP_HEADERS", `{"Authorization": "Bearer ntn_plain", "Notion-Version": "2022-06-28"}`), "ntn_plain"},
		{"Azure's connection", env("STORAGE", "DefaultEndpointsProtocol=https;AccountName=x;AccountKey=plain=="), "plain"},
		{"Sentry", env("SENTRY", "https://plainkey@o1.example/1"), "plainkey"},
		{"a password in a plain name", env("LOGIN_VALUE", "P4ssw0rd!"), "P4ssw0rd"},
		{"a Slack hook", env("HOOK", "https://hooks.slack.example/services/T00000000/B00000000/"+rnd), rnd},
		{"numbers", env("OTP", "123456"), "123456"},

		{"a key in a path, 23 characters", at("https://mcp.zapier.example/api/mcp/s/ODk0ZjIwYTAtODk0ZjIwYTA/mcp"), "ODk0ZjIw"},
		{"a key in a path, short", at("https://a.example/s/k3x9f2m7p1/mcp"), "k3x9f2"},
		{"a UUID in a path", at("https://mcp.a.example/composio/server/0b1f7a52-93c4-4a0e-8d55-2f6f9b1c7e10"), "0b1f7a52"},
		{"a query of a URL", at("https://a.example/mcp?token=plain&x=1"), "plain"},
		{"a query's random value", at("https://a.example/mcp?x=" + rnd), rnd},
		{"a user of a URL", at("https://me:hunter@a.example/mcp"), "hunter"},
		{"a header of any name", map[string]any{"url": "https://a.example/mcp", "headers": map[string]string{"X-Org": "plain"}}, "plain"},
		{"mcp-remote's query", args("mcp-remote@latest", "https://a.example/mcp?key=plain"), "plain"},
		{"mcp-remote's header", args("mcp-remote", "https://a.example/mcp", "--header", "Authorization: Bearer plain"), "plain"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			in, printed := importEntry(t, tt.entry)
			if strings.Contains(printed, tt.secret) {
				t.Errorf("the secret was copied:\n%s", printed)
			}
			if len(in.Variables) == 0 {
				t.Errorf("no variable stands for it:\n%s", printed)
			}
			if len(in.Unset()) != len(in.Variables) {
				t.Errorf("without a file of variables, %v are not to be set of %v", in.Unset(), in.Variables)
			}
		})
	}
}

// What is no secret is copied: it would have to be looked up again.
func TestImportKeepsPlainValues(t *testing.T) {
	for _, tt := range []struct {
		name  string
		entry map[string]any
		value string
	}{
		{"a level", env("LOG_LEVEL", "debug"), "debug"},
		{"a host", env("GITHUB_HOST", "https://github.example.com"), "https://github.example.com"},
		{"a list", env("GITHUB_TOOLSETS", "repos,issues,pull_requests"), "repos,issues,pull_requests"},
		{"a place", env("MEMORY_FILE_PATH", "/var/lib/memory.json"), "/var/lib/memory.json"},
		{"a place of a secret", env("TOKEN_FILE", "/run/secrets/token"), "/run/secrets/token"},
		{"a kind of login", env("AUTH_MODE", "oauth"), "oauth"},
		{"a bound", env("MAX_TOKENS", "4096"), "4096"},
		{"a switch", env("USE_API_KEY", "false"), "false"},
		{"a region", env("AWS_REGION", "eu-central-1"), "eu-central-1"},
		{"a model", env("MODEL", "claude-sonnet-4-5-20250929"), "claude-sonnet-4-5-20250929"},
		{"a person", env("AUTHOR", "me"), "me"},
		{"a mail address", env("FROM", "bot@example.com"), "bot@example.com"},
		{"a time zone", env("TZ", "Europe/Berlin"), "Europe/Berlin"},
		{"a database's address", env("DB_URL", "postgres://localhost:5432/app"), "postgres://localhost:5432/app"},
		{"a version", env("API_VERSION", "2024-02-15-preview"), "2024-02-15-preview"},
		{"a folder", args("/srv/docs"), "/srv/docs"},
		{"a port", args("-p", "3000"), "3000"},
		{"a transport", args("-t", "stdio"), "stdio"},
		{"a URL", args("https://api.example.com/v1/mcp"), "https://api.example.com/v1/mcp"},
		{"a package", args("@modelcontextprotocol/server-everything@2025.12.18"), "server-everything@2025.12.18"},
		{"an image by its digest", args("ghcr.io/x/y@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"), "sha256:9f86d081"},
		{"a repository at a revision", args("git+https://github.com/x/y@9f86d081884c7d659a2feaa0c55ad015a3bf4f1b"), "@9f86d081"},
		{"docker's environment", args("run", "--rm", "-i", "-e", "LOG_LEVEL=debug", "-e", "GITHUB_TOKEN", "image"), "LOG_LEVEL=debug"},
		{"a mount", args("--mount", "type=bind,src=/home/me/code,dst=/code"), "type=bind,src=/home/me/code,dst=/code"},
		{"a header that says nothing", args("--header", "Accept: application/json"), "Accept: application/json"},
		{"a long name", at("https://a.example/model-context-protocol-server/mcp"), "model-context-protocol-server"},
		{"a query", at("https://a.example/mcp?tools=search,fetch&readonly=true"), "tools=search,fetch&readonly=true"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if in, printed := importEntry(t, tt.entry); !strings.Contains(printed, tt.value) || len(in.Variables) > 0 {
				t.Errorf("%q was not copied:\n%s", tt.value, printed)
			}
		})
	}
}

// What --env-file writes is what env_file reads: with it the imported
// configuration is the client's own, its secrets included.
func TestImportedValuesWork(t *testing.T) {
	in, printed := importEntry(t, map[string]any{"command": "x", "args": []string{"--token", `a"b #$c`, "--dsn", "host=db password=x"}, "env": map[string]string{"PASSWORD": " two\nlines ", "KEY": "'q'"}})
	in.EnvFile = "toolward.env"
	if len(in.Unset()) != 0 {
		t.Errorf("%v are still to be set", in.Unset())
	}
	dir := t.TempDir()
	var text, yaml strings.Builder
	for name, value := range in.Values {
		text.WriteString(config.FormatEnv(name, value))
	}
	if err := in.Render(&yaml); err != nil {
		t.Fatal(err)
	}
	mustWrite(t, filepath.Join(dir, "toolward.env"), []byte(text.String()))
	c, err := config.Parse(filepath.Join(dir, "toolward.yaml"), []byte(yaml.String()), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, printed, text.String())
	}
	u := c.Upstreams[0]
	if got := strings.Join(u.Args, "|"); got != `--token|a"b #$c|--dsn|host=db password=x` || u.Env["PASSWORD"] != " two\nlines " || u.Env["KEY"] != "'q'" {
		t.Errorf("args %q, env %q %q", got, u.Env["PASSWORD"].Reveal(), u.Env["KEY"].Reveal())
	}
}

// Programs that only carry messages to a URL become that URL.
func TestImportUnwrapsBridges(t *testing.T) {
	for _, tt := range []struct{ name, text, want, values string }{
		{"alone", `{"command": "npx", "args": ["-y", "mcp-remote", "https://a.example/mcp", "3334"]}`, "    url: https://a.example/mcp\n", ""},
		{"with a header of its environment", `{"command": "npx", "args": ["mcp-remote@1.0", "https://a.example/sse", "--transport", "sse-only", "--header", "Authorization:${AUTH}"], "env": {"AUTH": "Bearer abc"}}`,
			"    url: https://a.example/sse\n    transport: sse\n    headers:\n      Authorization: Bearer ${SRV_TOKEN}\n", "SRV_TOKEN=abc"},
		{"behind cmd", `{"command": "cmd", "args": ["/c", "npx", "mcp-remote", "https://a.example/mcp", "--allow-http"]}`, "    url: https://a.example/mcp\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var entry map[string]any
			if err := json.Unmarshal([]byte(tt.text), &entry); err != nil {
				t.Fatal(err)
			}
			in, printed := importEntry(t, entry)
			if !strings.Contains(printed, "srv:\n"+tt.want) || strings.Contains(printed, "command:") {
				t.Errorf("got\n%s", printed)
			}
			if name, value, ok := strings.Cut(tt.values, "="); ok && in.Values[name] != value {
				t.Errorf("values %v, want %s", in.Values, tt.values)
			}
		})
	}
}

func TestImportAsksWhoWantsLogin(t *testing.T) {
	opt := detect(t)
	var asked []string
	opt.WantsLogin = func(url string) bool { asked = append(asked, url); return strings.Contains(url, "login") }
	path := filepath.Join(t.TempDir(), "mcp.json")
	mustWrite(t, path, []byte(`{"mcpServers": {
		"a": {"url": "https://login.example/mcp"}, "b": {"url": "https://open.example/mcp"},
		"c": {"url": "https://login.example/2", "headers": {"Authorization": "Bearer x"}}, "d": {"url": "${BASE}/mcp"},
		"e": {"command": "npx", "args": ["mcp-remote", "https://login.example/3"]}, "f": {"url": "https://x.example", "oauth": {}}}}`))
	in, err := clients.Import(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	var wants []string
	for _, u := range in.Upstreams {
		if u.OAuth["grant"] == "authorization_code" {
			wants = append(wants, u.Name)
		}
	}
	if strings.Join(wants, "") != "aef" || strings.Join(asked, " ") != "https://login.example/mcp https://open.example/mcp https://login.example/3" {
		t.Errorf("oauth: for %v, asked %v", wants, asked)
	}
}

// The version that the client has been starting is written down.
func TestImportPinsVersions(t *testing.T) {
	opt := detect(t)
	opt.Installed = func(pkg string) string {
		return map[string]string{"@scope/server": "1.2.3", "server": "4.5.6"}[pkg]
	}
	for _, tt := range []struct {
		command, args string
		want          string // after the import
		note          string // how to fix the version; "" if nothing is said
	}{
		{"npx", `["-y", "@scope/server", "/srv"]`, "[-y, '@scope/server@1.2.3', /srv]", ""},
		{"npx", `["-y", "server@latest"]`, "[-y, server@4.5.6]", ""},
		{"npx", `["-y", "server@1.0.0"]`, "[-y, server@1.0.0]", ""},
		{"npx", `["-y", "other"]`, "[-y, other]", "other@VERSION"},
		{"npx", `["--package=server", "run-it"]`, "[--package=server@4.5.6, run-it]", ""},
		{"npx", `["-p", "server", "run-it"]`, "[-p, server@4.5.6, run-it]", ""},
		{"npx", `["-y", "--registry", "https://npm.example", "server"]`, "server@4.5.6]", ""},
		{"npx", `["-y", "./server"]`, "[-y, ./server]", ""},
		{"npx", `["-y", "github:a/b"]`, "[-y, 'github:a/b']", ""},
		{"npx", `["-y"]`, "[-y]", ""},
		{"npx.cmd", `["-y", "server"]`, "[-y, server@4.5.6]", ""},
		{"cmd", `["/c", "npx", "-y", "server"]`, "[/c, npx, -y, server@4.5.6]", ""},
		{"npm", `["exec", "--", "server"]`, "[exec, --, server@4.5.6]", ""},
		{"npm", `["run", "server"]`, "[run, server]", ""},
		{"bunx", `["server"]`, "[server]", "server@VERSION"},
		{"bun", `["x", "other"]`, "[x, other]", "other@VERSION"},
		{"pnpm", `["dlx", "@scope/server"]`, "[dlx, '@scope/server']", "@scope/server@VERSION"},
		{"yarn", `["dlx", "server@2"]`, "[dlx, server@2]", ""},
		{"uvx", `["mcp-server-git"]`, "[mcp-server-git]", "mcp-server-git==VERSION"},
		{"uvx", `["--with", "x", "mcp-server-git@latest", "--repository", "."]`, "[--with, x, mcp-server-git@latest, --repository, .]", "mcp-server-git==VERSION"},
		{"uvx", `["mcp-server-git==1.2"]`, "[mcp-server-git==1.2]", ""},
		{"uvx", `["mcp-server-git@1.2"]`, "[mcp-server-git@1.2]", ""},
		{"uvx", `["--from", "git+https://git.example/a", "a"]`, "[--from, 'git+https://git.example/a', a]", ""},
		{"uvx", `["--from", "pkg[all]", "a"]`, "[--from, 'pkg[all]', a]", "pkg[all]==VERSION"},
		{"uv", `["tool", "run", "pkg"]`, "[tool, run, pkg]", "pkg==VERSION"},
		{"uv", `["run", "server.py"]`, "[run, server.py]", ""},
		{"pipx", `["run", "--spec", "pkg", "a"]`, "[run, --spec, pkg, a]", "pkg==VERSION"},
		{"docker", `["run", "-i", "--rm", "-e", "TOK", "mcp/github"]`, "mcp/github]", "mcp/github:TAG, or"},
		{"docker", `["run", "-i", "--name=x", "ghcr.example:5000/mcp/github:latest", "stdio"]`, "stdio]", "ghcr.example:5000/mcp/github:TAG, or"},
		{"docker", `["run", "-i", "mcp/github:1.2"]`, "[run, -i, 'mcp/github:1.2']", ""},
		{"docker", `["run", "-i", "mcp/github@sha256:abcd"]`, "[run, -i, 'mcp/github@sha256:abcd']", ""},
		{"podman", `["run", "-v", "/a:/b", "mcp/github"]`, "mcp/github]", "mcp/github:TAG, or"},
		{"docker", `["exec", "-i", "mcp"]`, "[exec, -i, mcp]", ""},
		{"node", `["npx", "server"]`, "[npx, server", ""},
		{"my-server", `["--mode", "npx", "server"]`, "[--mode, npx, server", ""},
	} {
		path := filepath.Join(t.TempDir(), "mcp.json")
		mustWrite(t, path, []byte(`{"mcpServers": {"a": {"command": "`+tt.command+`", "args": `+tt.args+`}}}`))
		in, err := clients.Import(path, opt)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		if err := in.Render(&b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(b.String(), tt.want) {
			t.Errorf("%s %s: got\n%s", tt.command, tt.args, b.String())
		}
		if said := strings.Join(in.Warnings, ""); strings.Contains(said, "not fixed") != (tt.note != "") || !strings.Contains(said, tt.note) {
			t.Errorf("%s %s: warnings %v", tt.command, tt.args, in.Warnings)
		}
	}
}
