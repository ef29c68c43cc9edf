package main

import (
	"context"
	"fmt"
	"runtime"
	"strconv"

	"toolward/gateway"
	"toolward/guard"
)

// scanAlone is the process in which guard alone reads texts of a kind, as arguments or as
// results, and before that one of each kind. It prints how many allocations that took.
//
//	bench scan ROOT KIND SIDE N
func scanAlone(root, kind, side, times string) error {
	n, err := strconv.Atoi(times)
	if err != nil {
		return err
	}
	s, err := guard.New(guard.Options{Key: []byte("a key that is no secret")})
	if err != nil {
		return err
	}
	all := map[string][]*gateway.Call{}
	for _, k := range allKinds { // whatever is scanned: making them is not to count
		if all[k], err = texts(root, k); err != nil {
			return err
		}
	}
	scan := map[string]func(context.Context, *gateway.Call) (gateway.Report, error){"args": s.Request, "result": s.Result}
	for _, k := range allKinds {
		for _, half := range scan {
			for _, c := range all[k][:4] {
				if _, err := half(context.Background(), c); err != nil {
					return err
				}
			}
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for i := range n {
		if _, err := scan[side](context.Background(), all[kind][i%variants]); err != nil {
			return err
		}
	}
	runtime.ReadMemStats(&after)
	fmt.Print(after.Mallocs - before.Mallocs)
	return nil
}

// texts are calls with the texts of a kind.
func texts(root, kind string) ([]*gateway.Call, error) {
	p, err := payloads(root, kind, 1<<10)
	if err != nil {
		return nil, err
	}
	calls := make([]*gateway.Call, variants)
	for i := range calls {
		args, err := gateway.ParseArgs([]byte("{" + p.args[i] + "}"))
		if err != nil {
			return nil, err
		}
		calls[i] = &gateway.Call{
			Kind: gateway.KindTool, Args: args, Result: &gateway.Result{Raw: []byte(p.answers[i])},
			Tool:  &gateway.Tool{Kind: gateway.KindTool, Server: "bench", Name: "report", Wire: "bench__report"},
			Agent: &gateway.Agent{ID: "bench", Issuer: "bench"},
		}
	}
	return calls, nil
}
