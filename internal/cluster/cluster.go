package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"text/template"

	"github.com/fluxstudio/gatehouse/internal/servers"
)

// cluster is what runs.
type cluster struct {
	options options
	out     io.Writer

	dir      *servers.Directory
	redis    *servers.Redis
	postgres *servers.Postgres
	database string
	nodes    []*node
}

// node is one gatehouse serve.
type node struct {
	Name, Addr, Admin string
	*servers.Program
}

// config is the file that all nodes share. What differs is given to each by
// flags and the environment.
const config = `# A machine that runs all of this is slow at times, which is no failure of Redis.
redis: {url: "%s", timeout: 1s}
postgres: {url: "%s"}
keys_file: %s
# The proxy is on this machine, and passes on the client's address.
trusted_proxies: [127.0.0.1]
`

func (c *cluster) start(ctx context.Context) (err error) {
	if c.dir, err = servers.NewDirectory("cluster"); err != nil {
		return err
	}
	if c.redis, err = servers.StartRedis(); err != nil {
		return err
	}
	if c.postgres, err = servers.StartPostgres(nil); err != nil {
		return err
	}
	if c.database, err = c.postgres.CreateDatabase(ctx, "gatehouse"); err != nil {
		return err
	}
	if err := c.build(ctx); err != nil {
		return err
	}
	text := fmt.Sprintf(config, c.redis.URL, c.database, filepath.Join(c.dir.Path, "keys.pem"))
	if err := os.WriteFile(c.config(), []byte(text), 0o600); err != nil {
		return err
	}
	for i := range c.options.nodes {
		n, err := c.startNode(fmt.Sprintf("node-%d", i+1))
		if err != nil {
			return err
		}
		c.nodes = append(c.nodes, n)
	}
	for _, n := range c.nodes {
		err := n.Ready(func(probe context.Context) error {
			if ctx.Err() != nil {
				return nil
			}
			return servers.Answers(probe, "http://"+n.Admin+"/readyz")
		})
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// build makes the binary, unless there is one.
func (c *cluster) build(ctx context.Context) (err error) {
	if c.options.binary != "" {
		c.options.binary, err = filepath.Abs(c.options.binary)
		return err
	}
	fmt.Fprintln(c.out, "building gatehouse")
	c.options.binary = filepath.Join(c.dir.Path, "gatehouse")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", c.options.binary, "github.com/fluxstudio/gatehouse/cmd/gatehouse")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}

func (c *cluster) config() string { return filepath.Join(c.dir.Path, "gatehouse.yaml") }

func (c *cluster) startNode(name string) (*node, error) {
	n := &node{Name: name}
	var err error
	for _, addr := range []*string{&n.Addr, &n.Admin} {
		if *addr, err = servers.FreeAddr(); err != nil {
			return nil, err
		}
	}
	n.Program, err = c.dir.Start(name, c.options.binary, []string{"GATEHOUSE_NODE=" + name},
		"serve", "--config", c.config(), "--data", filepath.Join(c.dir.Path, name),
		"--listen", n.Addr, "--admin-listen", n.Admin)
	return n, err
}

// end ends whatever was started.
func (c *cluster) end() error {
	var errs []error
	for _, n := range c.nodes {
		errs = append(errs, n.End())
	}
	if c.redis != nil {
		errs = append(errs, c.redis.End())
	}
	if c.postgres != nil {
		errs = append(errs, c.postgres.End())
	}
	if c.dir != nil {
		errs = append(errs, c.dir.Remove())
	}
	return errors.Join(errs...)
}

// told is what people read once everything runs.
var told = template.Must(template.New("").Parse(`
  proxy       http://{{.Proxy}}, to one node after the other
{{- range .Nodes}}
  {{.Name}}      http://{{.Addr}}, health http://{{.Admin}}/healthz, log {{.Log}}
{{- end}}
  Redis       {{.Redis}}
  PostgreSQL  {{.Postgres}}
  settings    {{.Config}}

Try this, in another terminal. The sixth wrong password is refused, whichever node
gets it: X-Served-By tells.

  api=http://{{.Proxy}}/api/auth
  curl -s $api/signup --json '{"email":"ada@example.com","password":"correct horse battery staple","name":"Ada"}'
  for i in 1 2 3 4 5 6; do
    curl -si $api/login -H 'X-Forwarded-For: 203.0.113.7' --json '{"email":"ada@example.com","password":"wrong"}' | grep -iE '^(HTTP|X-Served-By)'
  done
  {{.Binary}} log --config {{.Config}} --data {{.Data}}

What happens when a node, or Redis, is gone:

  kill -9 {{.Victim}}
  redis-cli -u {{.Redis}} shutdown

Ctrl-C ends everything and removes it.
`))

func (c *cluster) tell(proxy string) {
	first := c.nodes[0]
	told.Execute(c.out, map[string]any{ // standard output may be closed: nobody to tell then
		"Proxy": proxy, "Nodes": c.nodes, "Redis": c.redis.URL, "Postgres": c.database, "Config": c.config(),
		"Binary": c.options.binary, "Data": filepath.Join(c.dir.Path, first.Name), "Victim": first.PID(),
	})
}
