package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"toolward/gateway"
)

const approvalColumns = `id, binding, call, agent, issuer, tool, fingerprint, args, beside, reasons, revision,
	created_unix_ms, expires_unix_ms, state, decided_by, note, decided_unix_ms, used_by, context, decider`

// kept is how long an approval that is over stays listed.
const kept = 30 * 24 * time.Hour

// asked is the column `context`: who asked, and what they had seen.
type asked struct {
	Session string           `json:"session,omitempty"`
	Labels  []string         `json:"labels,omitempty"`
	Recent  []gateway.Recent `json:"recent,omitempty"`
}

// Ask returns the approval of the same binding that is pending, approved or
// denied and has not expired, or stores a. It returns
// [gateway.ErrManyApprovals] if most approvals of the agent are pending.
func (s *State) Ask(ctx context.Context, a gateway.Approval, most int) (open gateway.Approval, err error) {
	now := a.Created.UnixMilli()
	err = s.tx(ctx, "ask for approval", func(tx *sql.Tx) error {
		open, err = scanApproval(tx.QueryRowContext(ctx, "SELECT "+approvalColumns+` FROM approvals
			WHERE binding = ? AND state IN ('pending', 'approved', 'denied') AND expires_unix_ms > ? ORDER BY created_unix_ms DESC LIMIT 1`, a.Binding, now), a.Created)
		if !errors.Is(err, gateway.ErrNoApproval) {
			return err
		}
		var pending int
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM approvals WHERE state = 'pending' AND agent = ? AND issuer = ? AND expires_unix_ms > ?",
			a.Agent, a.Issuer, now).Scan(&pending); err != nil {
			return err
		}
		if pending >= most {
			return gateway.ErrManyApprovals
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM approvals WHERE expires_unix_ms < ?", a.Created.Add(-kept).UnixMilli()); err != nil {
			return err
		}
		open = a
		_, err = tx.ExecContext(ctx, "INSERT INTO approvals ("+approvalColumns+") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', '', '', 0, '', ?, '{}')",
			a.ID, a.Binding, a.Call, a.Agent, a.Issuer, a.Tool, a.Fingerprint, string(appendLine(nil, a.Args)), string(appendLine(nil, orObject(a.Beside))), string(marshal(a.Reasons)), a.Revision, now, a.Expires.UnixMilli(),
			string(marshal(asked{a.Session, a.Labels, a.Recent})))
		return err
	})
	return open, err
}

// Approval returns an approval, or [gateway.ErrNoApproval].
func (s *State) Approval(ctx context.Context, id string) (gateway.Approval, error) {
	return scanApproval(s.db.QueryRowContext(ctx, "SELECT "+approvalColumns+" FROM approvals WHERE id = ?", id), time.Now())
}

// Use turns an approved approval that has not expired into a used one, and
// reports whether it did: one caller wins, in whatever process.
func (s *State) Use(ctx context.Context, id, call string, now time.Time) (bool, error) {
	res, err := s.db.ExecContext(ctx, "UPDATE approvals SET state = 'used', used_by = ? WHERE id = ? AND state = 'approved' AND expires_unix_ms > ?", call, id, now.UnixMilli())
	if err != nil {
		return false, fmt.Errorf("use approval: %w", err)
	}
	n, err := res.RowsAffected()
	return n == 1, err
}

// Decide approves or denies a pending approval that has not expired, or revokes
// an approved one that is not used up. It returns [gateway.ErrNoApproval], or
// [gateway.ErrDecided] with the approval as it is.
func (s *State) Decide(ctx context.Context, id string, state gateway.ApprovalState, by gateway.Operator, note string, now time.Time) (gateway.Approval, error) {
	from := gateway.ApprovalOpen
	switch state {
	case gateway.ApprovalGiven, gateway.ApprovalRefused:
	case gateway.ApprovalRevoked:
		from = gateway.ApprovalGiven
	default:
		return gateway.Approval{}, fmt.Errorf("decide approval: %q is no decision", state)
	}
	res, err := s.db.ExecContext(ctx, "UPDATE approvals SET state = ?, decided_by = ?, decider = ?, note = ?, decided_unix_ms = ? WHERE id = ? AND state = ? AND expires_unix_ms > ?",
		string(state), column(by.String()), string(marshal(by)), column(note), now.UnixMilli(), id, string(from), now.UnixMilli())
	if err != nil {
		return gateway.Approval{}, fmt.Errorf("decide approval: %w", err)
	}
	n, err := res.RowsAffected()
	if err != nil {
		return gateway.Approval{}, fmt.Errorf("decide approval: %w", err)
	}
	a, err := s.Approval(ctx, id)
	if err == nil && n == 0 {
		err = fmt.Errorf("%w: it is %s", gateway.ErrDecided, a.State)
	}
	return a, err
}

// Approvals lists approvals of a state, all of them if it is "", newest first.
func (s *State) Approvals(ctx context.Context, state gateway.ApprovalState, most int) (list []gateway.Approval, err error) {
	rows, err := s.db.QueryContext(ctx, "SELECT "+approvalColumns+" FROM approvals ORDER BY created_unix_ms DESC, id")
	if err != nil {
		return nil, fmt.Errorf("list approvals: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	now := time.Now()
	for rows.Next() && len(list) < most {
		a, err := scanApproval(rows, now)
		if err != nil {
			return nil, fmt.Errorf("list approvals: %w", err)
		}
		if state == "" || a.State == state { // expired is not a stored state
			list = append(list, a)
		}
	}
	return list, rows.Err()
}

// scanApproval reads a row. What is past its time shows as expired.
func scanApproval(row interface{ Scan(...any) error }, now time.Time) (gateway.Approval, error) {
	var a gateway.Approval
	var args, beside, reasons, context, decider string
	var created, expires, decided int64
	err := row.Scan(&a.ID, &a.Binding, &a.Call, &a.Agent, &a.Issuer, &a.Tool, &a.Fingerprint, &args, &beside, &reasons, &a.Revision,
		&created, &expires, &a.State, &a.By, &a.Note, &decided, &a.UsedBy, &context, &decider)
	if errors.Is(err, sql.ErrNoRows) {
		return a, gateway.ErrNoApproval
	}
	if err != nil {
		return a, err
	}
	if a.Args = []byte(args); beside != "{}" {
		a.Beside = []byte(beside)
	}
	var from asked
	if err := errors.Join(json.Unmarshal([]byte(reasons), &a.Reasons), json.Unmarshal([]byte(context), &from), json.Unmarshal([]byte(decider), &a.Decider)); err != nil {
		return a, fmt.Errorf("approval %s: %w", a.ID, err)
	}
	a.Session, a.Labels, a.Recent = from.Session, from.Labels, from.Recent
	a.Created, a.Expires = time.UnixMilli(created).UTC(), time.UnixMilli(expires).UTC()
	if decided != 0 {
		a.Decided = time.UnixMilli(decided).UTC()
	}
	if open := a.State == gateway.ApprovalOpen || a.State == gateway.ApprovalGiven; open && !a.Expires.After(now) {
		a.State = gateway.ApprovalExpired
	}
	return a, nil
}

// orObject is the value, or an object without members.
func orObject(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("{}")
	}
	return raw
}
