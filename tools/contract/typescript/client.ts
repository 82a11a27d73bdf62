// A client of openapi-typescript and openapi-fetch, against the server at GSM_URL. tsc checks its types; what it is
// told to expect an error of is a mistake that the types must catch.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "../generated/schema.js";

type Session = components["schemas"]["Session"];

const baseUrl = process.env["GSM_URL"]!;
const as = (credential: string) =>
  createClient<paths>({ baseUrl, headers: { Authorization: `Bearer ${credential}` } });
const server = as(process.env["GSM_KEY"]!);

/** must returns the data of a call that succeeded. */
function must<T>(result: { data?: T; error?: components["schemas"]["Problem"]; response: Response }): T {
  if (result.error !== undefined || result.data === undefined) {
    throw new Error(`${result.response.status} ${result.error?.code}: ${result.error?.detail}`);
  }
  return result.data;
}

const player = must(await server.POST("/api/v1/players", {
  body: { username: "typescript", attributes: { mmr: 1200, clan: "owls", ranked: true } },
}));
const mmr: string | number | boolean | undefined = player.attributes["mmr"];
assert.equal(mmr, 1200);

const path = { player_id: player.id };
const { token } = must(await server.POST("/api/v1/players/{player_id}/tokens", { params: { path }, body: {} }));
const self = as(token);

const opened = must(await self.POST("/api/v1/sessions", {
  params: { header: { "Idempotency-Key": "typescript-1" } },
  body: {
    max_players: 2, mode: "typescript", region: "eu", host_id: player.id, attributes: { mmr: 1200, map: "dust 2" },
  },
}));
const none: null | components["schemas"]["EndReason"] = opened.end_reason;
assert.equal(none, null);
assert.equal(opened.connection, null);

for (const query of [
  { mode: "typescript", attributes: { mmr: "1200", map: "dust 2" } },
  { mode: "typescript", attribute: ["mmr:1200", "map:dust 2"] },
]) {
  const found = must(await self.GET("/api/v1/sessions", { params: { query } }));
  assert.deepEqual(found.items.map((s) => s.id), [opened.id], JSON.stringify(query));
}
const other = must(await self.GET("/api/v1/sessions", { params: { query: { attributes: { mmr: "1201" } } } }));
assert.equal(other.items.length, 0);

const session = { session_id: opened.id };
const patched = must(await self.PATCH("/api/v1/sessions/{session_id}", {
  params: { path: session, header: { "If-Match": `"${opened.version}"` } },
  body: { region: null, attributes: { map: null, mmr: 1300 }, locked: true },
}));
assert.equal(patched.region, "");
assert.deepEqual(patched.attributes, { mmr: 1300 });

const started: Session = must(await self.GET("/api/v1/sessions/{session_id}", { params: { path: session } }));
must(await self.PUT("/api/v1/sessions/{session_id}", {
  params: { path: session },
  body: { ...started, status: "in_progress" }, // what a GET returned, with another status
}));
const ended = must(await self.PUT("/api/v1/sessions/{session_id}", {
  params: { path: session },
  body: { status: "ended", end_reason: "completed", result: { winner: player.id } },
}));
assert.equal(ended.end_reason, "completed");

const late = await server.PATCH("/api/v1/sessions/{session_id}", {
  params: { path: session, header: { "X-Act-As-Player": player.id } },
  body: { name: "too late" },
});
assert.equal(late.error?.code, "session_ended");
assert.equal(late.error?.end_reason, "completed");

export function mistakes(s: Session) {
  // @ts-expect-error a value is no object
  server.POST("/api/v1/sessions", { body: { max_players: 2, attributes: { a: {} } } });
  // @ts-expect-error max_players has no default that null could give it
  server.PATCH("/api/v1/sessions/{session_id}", { params: { path: session }, body: { max_players: null } });
  // @ts-expect-error there is no such status
  server.PUT("/api/v1/sessions/{session_id}", { params: { path: session }, body: { status: "paused" } });
  // @ts-expect-error a player has a username
  server.POST("/api/v1/players", { body: {} });
  // @ts-expect-error end_reason may be null
  const reason: string = s.end_reason;
  return reason;
}
console.log("typescript: ok");
