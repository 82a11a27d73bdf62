package game

import (
	"context"
	"slices"
)

// eventsSeen is the state of an inspection about events and their subjects.
type eventsSeen struct {
	versions map[uint64]int64 // of documents, when they were read
	last     Event            // the previous event
	feeds    map[ProjectID]*feedSeen
}

// feedSeen counts the positions of a feed.
type feedSeen struct{ first, last, count int64 }

func (i *Inspection) versionSeen(v versioned) {
	i.events.versions[i.hash(string(v.subject.Kind), v.subject.ID)] = v.version
}

// event checks an event, and that it follows the previous one if both have the same subject.
func (i *Inspection) event(ctx context.Context, e Event) error {
	f := i.events.feeds[e.Project]
	if f == nil {
		f = &feedSeen{first: e.Seq}
		i.events.feeds[e.Project] = f
	}
	f.first, f.last, f.count = min(f.first, e.Seq), max(f.last, e.Seq), f.count+1
	before := i.events.last
	i.events.last = e
	if before.Subject != e.Subject {
		return i.checkLastEvent(ctx, before)
	}
	if e.Version == before.Version+1 {
		return nil
	}
	there, err := i.Deps.Store.Timeline(
		ctx, TimelineQuery{Project: e.Project, Subject: e.Subject, Before: e.Version, Limit: 1},
	)
	// Otherwise the earlier events have been removed meanwhile.
	if err == nil && len(there) > 0 && there[0].Version != e.Version-1 {
		i.tell("events", e.ID(), false, "comes after version %d: the events between are missing", before.Version)
	}
	return err
}

// checkLastEvent checks that the last event of a document has the version of the document.
func (i *Inspection) checkLastEvent(ctx context.Context, e Event) error {
	version, ok := i.events.versions[i.hash(string(e.Subject.Kind), e.Subject.ID)]
	if !ok || version == e.Version {
		return nil
	}
	// The document may have changed since it was read.
	least, err := i.versionOf(ctx, e)
	if err != nil || least == 0 {
		return err
	}
	newest, err := i.Deps.Store.Timeline(ctx, TimelineQuery{Project: e.Project, Subject: e.Subject, Limit: 1})
	if err != nil || len(newest) == 0 {
		return err
	}
	most, err := i.versionOf(ctx, e)
	if err != nil || most == 0 {
		return err
	}
	switch last := newest[0].Version; {
	case last > most:
		i.tell("events", newest[0].ID(), false,
			"is of a version that its document does not have, which is at %d", most)
	case last < least:
		i.tell("events", newest[0].ID(), false,
			"is the last of a document that is at version %d: the events since are missing", least)
	}
	return nil
}

// versionOf returns the version of the document that an event is about, or 0 if it does not exist.
func (i *Inspection) versionOf(ctx context.Context, e Event) (version int64, err error) {
	switch e.Subject.Kind {
	case SubjectPlayer:
		var p Player
		p, err = i.Deps.Store.Player(ctx, e.Project, PlayerID(e.Subject.ID))
		version = p.Version
	case SubjectSession:
		var v Session
		v, err = i.Deps.Store.Session(ctx, e.Project, SessionID(e.Subject.ID))
		version = v.Version
	case SubjectKey:
		var k Key
		k, err = i.Deps.Store.Key(ctx, KeyID(e.Subject.ID))
		version = k.Version
	case SubjectWebhook:
		var w Webhook
		w, err = i.Deps.Store.Webhook(ctx, e.Project, WebhookID(e.Subject.ID))
		version = w.Version
	}
	if KindOf(err) == NotFound {
		return 0, nil
	}
	return version, err
}

// checkFeeds reads the feeds again in which events seem to be missing: events may have been written or removed
// meanwhile.
func (i *Inspection) checkFeeds(ctx context.Context) error {
	if err := i.checkLastEvent(ctx, i.events.last); err != nil {
		return err
	}
	for p, f := range i.events.feeds {
		if f.count == f.last-f.first+1 {
			continue
		}
		if err := i.checkFeed(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

// checkFeed checks that the positions in a feed have no gaps.
func (i *Inspection) checkFeed(ctx context.Context, p ProjectID) error {
	last := int64(0)
	for {
		page, err := i.Deps.Store.Feed(ctx, FeedQuery{Project: p, After: last, Limit: exportPage})
		if err != nil {
			return err
		}
		for _, e := range page {
			if last != 0 && e.Seq != last+1 {
				if err := i.reportGap(ctx, p, last, e.Seq); err != nil {
					return err
				}
			}
			last = e.Seq
		}
		if len(page) < exportPage {
			return nil
		}
	}
}

// reportGap reports positions without events, unless the events have been removed meanwhile.
func (i *Inspection) reportGap(ctx context.Context, p ProjectID, last, next int64) error {
	oldest, err := i.Deps.Store.Feed(ctx, FeedQuery{Project: p, Limit: 1})
	if err == nil && len(oldest) > 0 && oldest[0].Seq <= last {
		i.tell("events", "", false, "have none at the places %d to %d of the feed of project %s", last+1, next-1, p)
	}
	return err
}

// brokenRules returns the rules that the event breaks.
func (e *Event) brokenRules() problems {
	var wrong problems
	wrong.check(e.Project != "", "project", "is missing")
	wrong.check(
		slices.Contains(SubjectKinds(), e.Subject.Kind) && e.Subject.ID != "", "subject", "is none that has events",
	)
	wrong.check(e.Version >= 1, "version", "must be 1 or more")
	wrong.check(e.Seq >= 1, "seq", "must be 1 or more")
	wrong.check(!e.At.IsZero(), "at", "is missing")
	wrong.check(slices.Contains(ActorKinds(), e.Actor.Kind), "actor", "is none that there is")
	wrong.check(len(e.Changes) > 0, "changes", "are missing")
	return wrong
}
