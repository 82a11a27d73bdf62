package bench

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// The requests of searches.
const (
	searchSessions = "search"
	walkSessions   = "search, next page"
	explainJoin    = "explain"
)

const (
	searchesWalked    = 20 // how many searches there are for each whose pages are all read
	searchesExplained = 10 // and for each of which one result is explained
	searchLimit       = 50
	mostRating        = 2000
)

// advert is what searches look at of a session that they may find. Nothing changes it during the load.
type advert struct {
	id       string
	rating   int
	region   string
	seats    int  // free ones
	joinable bool // by newcomers
}

// query is a search, and what it finds.
type query struct {
	body  string // without the cursor
	finds func(advert) bool
}

// prepareSearch searches among sessions that do not change, so that what each search must find is known.
func prepareSearch(ctx context.Context, b *bench) (workload, error) {
	players, err := b.newPlayers(ctx, min(b.Stock, mostHosts))
	if err != nil {
		return workload{}, err
	}
	adverts := make([]advert, b.Stock)
	sessions, err := b.newSessions(ctx, b.Stock, func(i int) string {
		adverts[i] = newAdvert()
		return fmt.Sprintf(`{"name":"A session","mode":%q,"region":%q,"max_players":%d,"locked":%t,`+
			`"attributes":{"rating":%d}}`, b.name("mode"), adverts[i].region, adverts[i].seats, !adverts[i].joinable,
			adverts[i].rating)
	})
	if err != nil {
		return workload{}, err
	}
	known := map[string]advert{}
	for i, d := range sessions {
		adverts[i].id = d.ID
		known[d.ID] = adverts[i]
	}
	return workload{visit: func(v *visit) {
		q := v.newQuery()
		page, ok := v.search(searchSessions, q, "", known)
		switch {
		case !ok:
		case v.n%searchesWalked == 0:
			v.walk(q, page, known)
		case v.n%searchesExplained == 1 && len(page.Items) > 0:
			v.explain(page.Items[v.random.IntN(len(page.Items))].ID, players[v.random.IntN(len(players))].ID)
		}
	}}, nil
}

func regions() []string { return []string{"eu-west", "eu-north", "us-east", "us-west"} }

func newAdvert() advert {
	below := rand.IntN
	return advert{
		rating: below(mostRating), region: regions()[below(len(regions()))], seats: 1 + below(usualSeats),
		joinable: below(10) > 0,
	}
}

// newQuery returns one of the searches that games make: by region, by free seats, by an attribute, and the nearest.
func (v *visit) newQuery() query {
	mode := fmt.Sprintf(`{"field":"mode","op":"eq","value":%q}`, v.name("mode"))
	region, least := regions()[v.random.IntN(len(regions()))], v.random.IntN(mostRating-200)
	seats := 1 + v.random.IntN(usualSeats)
	byRegion := fmt.Sprintf(`,{"field":"region","op":"eq","value":%q}`, region)
	byRating := fmt.Sprintf(`,{"field":"attributes.rating","op":"between","value":[%d,%d]}`, least, least+200)
	bySeats := fmt.Sprintf(`,{"field":"free_seats","op":"ge","value":%d}`, seats)
	kinds := []query{
		{byRegion + `]`, func(a advert) bool { return a.region == region }},
		{byRegion + bySeats + `]`, func(a advert) bool { return a.region == region && a.seats >= seats }},
		{byRating + `]`, func(a advert) bool { return a.rating >= least && a.rating <= least+200 }},
		{fmt.Sprintf(`%s],"order":[{"by":"attributes.rating","near":%d}]`, bySeats, least), func(a advert) bool {
			return a.seats >= seats
		}},
	}
	q := kinds[v.random.IntN(len(kinds))]
	q.body = fmt.Sprintf(`{"limit":%d,"where":[%s%s`, searchLimit, mode, q.body)
	return q
}

type searchPage struct {
	Items      []document `json:"items"`
	NextCursor string     `json:"next_cursor"`
}

// search reads one page, whose sessions must all match and be joinable.
func (v *visit) search(operation string, q query, cursor string, known map[string]advert) (page searchPage, ok bool) {
	body := q.body
	if cursor != "" {
		body += fmt.Sprintf(`,"cursor":%q`, cursor)
	}
	r := v.call(operation, post("/sessions/search", body+"}"))
	if !r.ok() {
		return page, false
	}
	if err := r.into(&page); err != nil {
		v.found.wrong("a search returns a page", "JSON", err.Error())
		return page, false
	}
	for _, d := range page.Items {
		a, there := known[d.ID]
		if !v.found.right(there && a.joinable && q.finds(a)) {
			v.found.wrong("a search finds what matches and can be joined", body, fmt.Sprintf("%s: %+v", d.ID, a))
		}
	}
	return page, true
}

// walk reads all further pages of a search. Nothing changes meanwhile, so that each session that matches is on exactly
// one of them.
func (v *visit) walk(q query, page searchPage, known map[string]advert) {
	var all []string
	for pages := 1; ; pages++ {
		for _, d := range page.Items {
			all = append(all, d.ID)
		}
		if page.NextCursor == "" {
			break
		}
		if pages > len(known) {
			v.found.wrong("the pages of a search end", fmt.Sprint("at most ", len(known), " pages of ", q.body),
				"another cursor")
			return
		}
		next, ok := v.search(walkSessions, q, page.NextCursor, known)
		if !ok {
			return
		}
		v.found.check(next.NextCursor != page.NextCursor, "each page has a cursor of its own", q.body, next.NextCursor)
		if next.NextCursor == page.NextCursor {
			return
		}
		page = next
	}
	want := 0
	for _, a := range known {
		if a.joinable && q.finds(a) {
			want++
		}
	}
	slices.Sort(all)
	distinct := len(slices.Compact(slices.Clone(all)))
	v.found.check(distinct == len(all), "no session is on two pages", fmt.Sprint(len(all), " sessions of ", q.body),
		fmt.Sprint(distinct, " different ones"))
	v.found.check(distinct == want, "the pages have all that match", fmt.Sprint(want, " sessions of ", q.body),
		strconv.Itoa(distinct))
}

// explain asks whether a player can join what was found.
func (v *visit) explain(session, player string) {
	r := v.call(explainJoin, post("/sessions/"+session+"/explain", `{"player_id":"`+player+`"}`))
	var got struct {
		Joinable bool `json:"joinable"`
	}
	if r.ok() && r.into(&got) == nil {
		v.found.check(got.Joinable, "what a search finds can be joined", session+" is joinable", string(r.body))
	}
}
