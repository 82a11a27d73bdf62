package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The requests of heartbeats.
const (
	sendHeartbeat  = "heartbeat"
	sendHeartbeats = "heartbeats"
)

// beatsRejected is how many requests there are for each with a heartbeat that must be rejected, of a sender who has
// lost its session.
const beatsRejected = 16

// prepareHeartbeat renews the leases of servers' sessions. Each client has sessions of its own.
func prepareHeartbeat(ctx context.Context, b *bench) (workload, error) {
	clients := int64(b.Clients)
	hostless := func(int) string { return b.sessionBody(usualSeats, "") }
	sessions, err := b.newSessions(ctx, b.leases(), hostless)
	if err != nil {
		return workload{}, err
	}
	next := make([]int, b.Clients)
	visit := func(v *visit) {
		mine := sessions[int64(v.client)*int64(len(sessions))/clients : int64(v.client+1)*int64(len(sessions))/clients]
		batch := make([]document, 0, v.Batch)
		for range min(v.Batch, len(mine)) {
			batch = append(batch, mine[next[v.client]%len(mine)])
			next[v.client]++
		}
		if v.Batch == 1 {
			v.beat(batch[0])
			return
		}
		v.beats(batch)
	}
	return workload{
		visit: visit,
		check: func(ctx context.Context) { b.checkLeases(ctx, sessions) },
		figures: func(l loaded) map[string]float64 {
			each := float64(min(b.Batch, len(sessions)/b.Clients)) // as far as the stock may grow for them
			if b.Batch > 1 {
				each -= 1.0 / beatsRejected
			}
			succeeded := l.requests
			for _, failed := range l.errors {
				succeeded -= failed
			}
			return map[string]float64{"leases_per_second": float64(succeeded) / l.took.Seconds() * each}
		},
	}, nil
}

// leases returns how many sessions have leases: enough for each client to fill a request.
func (b *bench) leases() int { return max(b.Stock, b.Clients, min(b.Clients*b.Batch, MaxStock)) }

// beatReply is what a heartbeat returns.
type beatReply struct {
	SessionID    string    `json:"session_id"`
	Status       string    `json:"status"`
	Liveness     string    `json:"liveness"`
	Fence        int64     `json:"fence"`
	NextDeadline time.Time `json:"next_deadline"`
	Error        *struct {
		Code string `json:"code"`
	} `json:"error"`
}

// beat sends one heartbeat.
func (v *visit) beat(d document) {
	sent := time.Now()
	r := v.call(sendHeartbeat, post("/sessions/"+d.ID+"/heartbeat", `{"fence":`+strconv.FormatInt(d.Fence, 10)+`}`))
	if !r.ok() {
		return
	}
	var got beatReply
	if err := r.into(&got); err != nil {
		v.found.wrong("a heartbeat returns its result", "JSON", err.Error())
		return
	}
	v.renewed(d, got, sent)
}

// beats sends several heartbeats, of which one must be rejected from time to time.
func (v *visit) beats(batch []document) {
	var body strings.Builder
	stale := -1
	if v.n%beatsRejected == 0 {
		stale = v.random.IntN(len(batch))
	}
	body.WriteString(`{"sessions":[`)
	for i, d := range batch {
		fence := d.Fence
		if i == stale {
			fence += 1000
		}
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"session_id":%q,"fence":%d}`, d.ID, fence)
	}
	body.WriteString(`]}`)
	sent := time.Now()
	r := v.call(sendHeartbeats, post("/heartbeats", body.String()))
	if !r.ok() {
		return
	}
	var got struct {
		Results []beatReply `json:"results"`
	}
	if err := json.Unmarshal(r.body, &got); err != nil || len(got.Results) != len(batch) {
		v.found.wrong("each heartbeat has its result", strconv.Itoa(len(batch)), fmt.Sprint(len(got.Results), " ", err))
		return
	}
	for i, d := range batch {
		one := got.Results[i]
		if i == stale {
			v.rejected(d, one)
			continue
		}
		v.renewed(d, one, sent)
	}
}

// rejected checks what a heartbeat with another fence returned.
func (v *visit) rejected(d document, got beatReply) {
	code := "no error"
	if got.Error != nil {
		code = got.Error.Code
	}
	unavailable := code == "store_unavailable" || code == "overloaded"
	v.found.check((code == "stale_fence" || unavailable) && got.SessionID == d.ID,
		"a heartbeat with another fence is rejected", "stale_fence of "+d.ID, code+" of "+got.SessionID)
}

// renewed checks what a heartbeat returned.
func (v *visit) renewed(d document, got beatReply, sent time.Time) {
	if got.Error != nil { // such as an overload in the middle
		v.found.check(got.Error.Code != "stale_fence" && got.Error.Code != "session_not_found" &&
			got.Error.Code != "session_ended", "a heartbeat renews the lease", "no error", got.Error.Code)
		return
	}
	right := got.SessionID == d.ID && got.Status == "open" && got.Liveness == "live" && got.Fence == d.Fence &&
		got.NextDeadline.After(sent.Add(-clockSkew))
	if !v.found.right(right) {
		v.found.wrong("a heartbeat renews the lease",
			fmt.Sprintf("%s, open and live, fence %d, a deadline to come", d.ID, d.Fence), fmt.Sprintf("%+v", got))
	}
}

// clockSkew is how much the clocks of this machine and of the server may differ.
const clockSkew = 5 * time.Second

// checkLeases checks that no session was given up that had its heartbeats.
func (b *bench) checkLeases(ctx context.Context, sessions []document) {
	_ = together(preparers, min(len(sessions), mostReadBack), func(i int) error {
		want := sessions[i*len(sessions)/min(len(sessions), mostReadBack)]
		if got, found := b.look(ctx, "/sessions/"+want.ID); found {
			same(b.found, "a session that has its heartbeats lives", fmt.Sprint("open at fence ", want.Fence),
				fmt.Sprint(got.Status, " at fence ", got.Fence))
		}
		return ctx.Err()
	})
}
