package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"
)

// slots is the number of hash slots of a Redis Cluster.
const slots = 16384

// RedisClusterOptions changes a cluster. The zero value has no replica.
type RedisClusterOptions struct {
	// Replica gives the first master a replica, which takes over when that master
	// is down for NodeTimeout.
	Replica bool
	// NodeTimeout is how long a node may be silent before it counts as failed. 0: 1 s.
	NodeTimeout time.Duration
}

// RedisCluster is three masters that share all slots.
type RedisCluster struct {
	// URL names all nodes, as rueidis reads it.
	URL string
	// Nodes are the masters, and after them the replica of the first, if any.
	Nodes []*Redis
}

// StartRedisCluster starts a cluster and returns once every node finds it in order.
func StartRedisCluster(o RedisClusterOptions) (*RedisCluster, error) {
	c := &RedisCluster{}
	if err := c.start(o); err != nil {
		return nil, errors.Join(err, c.End())
	}
	return c, nil
}

func (c *RedisCluster) start(o RedisClusterOptions) error {
	const masters = 3
	nodes := masters
	if o.Replica {
		nodes++
	}
	if o.NodeTimeout == 0 {
		o.NodeTimeout = time.Second
	}
	for range nodes {
		bus, err := freePort()
		if err != nil {
			return err
		}
		n, err := StartRedis("--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus),
			"--cluster-node-timeout", strconv.FormatInt(o.NodeTimeout.Milliseconds(), 10),
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0")
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, n)
		if len(c.Nodes) == 1 {
			c.URL = n.URL + "?addr=" + n.Addr
		} else {
			c.URL += "&addr=" + n.Addr
		}
		if err := c.meet(n, bus); err != nil {
			return err
		}
	}
	for i, n := range c.Nodes[:masters] {
		from, to := i*slots/masters, (i+1)*slots/masters-1
		if _, err := n.Call("CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(from), strconv.Itoa(to)); err != nil {
			return err
		}
	}
	if o.Replica {
		if err := replicate(c.Nodes[masters], c.Nodes[0]); err != nil {
			return err
		}
	}
	return c.Settled()
}

// meet introduces a node to the first one.
func (c *RedisCluster) meet(n *Redis, bus int) error {
	if _, err := n.Call("CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(len(c.Nodes))); err != nil {
		return err
	}
	if n == c.Nodes[0] {
		return nil
	}
	host, port, err := net.SplitHostPort(n.Addr)
	if err != nil {
		return err
	}
	_, err = c.Nodes[0].Call("CLUSTER", "MEET", host, port, strconv.Itoa(bus))
	return err
}

// replicate makes one node the replica of another, and waits until it has its data.
func replicate(replica, master *Redis) error {
	id, err := master.Call("CLUSTER", "MYID")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// It must have heard of its master first.
	err = poll(ctx, func(ctx context.Context) error {
		_, err := call(ctx, replica.Addr, "CLUSTER", "REPLICATE", id)
		return err
	})
	if err != nil {
		return err
	}
	return poll(ctx, func(ctx context.Context) error {
		info, err := call(ctx, replica.Addr, "INFO", "replication")
		if err == nil && !strings.Contains(info, "master_link_status:up") {
			err = errors.New("the replica is not in step")
		}
		return err
	})
}

// Settled waits until every node that runs finds the cluster in order: it knows
// all the others, has noticed which are down, and sees all slots served.
func (c *RedisCluster) Settled() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return poll(ctx, func(ctx context.Context) error {
		for _, n := range c.Nodes {
			if !n.Running() {
				continue
			}
			if err := c.settledAt(ctx, n); err != nil {
				return fmt.Errorf("%s: the cluster is not in order: %w", n.Addr, err)
			}
		}
		return nil
	})
}

func (c *RedisCluster) settledAt(ctx context.Context, n *Redis) error {
	known, err := call(ctx, n.Addr, "CLUSTER", "NODES")
	if err != nil {
		return err
	}
	for _, other := range c.Nodes {
		_, line, _ := strings.Cut(known, " "+other.Addr+"@")
		line, _, _ = strings.Cut(line, "\n")
		fields := strings.Fields(line) // bus port, flags, ...
		if len(fields) < 2 {
			return fmt.Errorf("%s is not known", other.Addr)
		}
		flags := strings.Split(fields[1], ",")
		if slices.Contains(flags, "fail") == other.Running() {
			return fmt.Errorf("%s is taken for %s", other.Addr, fields[1])
		}
	}
	info, err := call(ctx, n.Addr, "CLUSTER", "INFO")
	if err != nil {
		return err
	}
	lines := strings.Split(info, "\r\n")
	for _, want := range []string{"cluster_state:ok", fmt.Sprintf("cluster_slots_ok:%d", slots)} {
		if !slices.Contains(lines, want) {
			return errors.New(info)
		}
	}
	return nil
}

// End ends all nodes for good.
func (c *RedisCluster) End() error {
	var errs []error
	for _, n := range c.Nodes {
		errs = append(errs, n.End())
	}
	return errors.Join(errs...)
}
