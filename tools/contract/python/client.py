"""A client of openapi-python-client, against the server at GSM_URL."""

import os

from gsm import AuthenticatedClient
from gsm.api.sessions import create_session, list_sessions, patch_session
from gsm.models import JoinedSession, PageSession, Problem, Session, SessionRequest, SettingsPatch
from gsm.models import SessionRequestAttributes, SettingsPatchAttributesType0

client = AuthenticatedClient(base_url=os.environ["GSM_URL"], token=os.environ["GSM_KEY"])

attributes = SessionRequestAttributes.from_dict({"mmr": 1200, "map": "dust 2"})
opened = create_session.sync(
    client=client,
    body=SessionRequest(max_players=2, mode="python", region="eu", attributes=attributes),
    idempotency_key="python-1",
)
assert isinstance(opened, JoinedSession), opened
assert opened.end_reason is None and opened.connection is None, opened
assert opened.attributes["mmr"] == 1200, opened

found = list_sessions.sync(client=client, mode="python", attribute=["mmr:1200", "map:dust 2"])
assert isinstance(found, PageSession) and [s.id for s in found.items] == [opened.id], found
none = list_sessions.sync(client=client, mode="python", attribute=["mmr:1201"])
assert isinstance(none, PageSession) and none.items == [], none

patched = patch_session.sync(
    opened.id,
    client=client,
    body=SettingsPatch(region=None, attributes=SettingsPatchAttributesType0.from_dict({"map": None})),
)
assert isinstance(patched, Session) and patched.region == "", patched
assert patched.attributes.to_dict() == {"mmr": 1200}, patched

full = patch_session.sync(opened.id, client=client, body=SettingsPatch(max_players=0))
assert isinstance(full, Problem) and full.code == "validation_error", full
print("python: ok")
