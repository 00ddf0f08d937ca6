-- Times are milliseconds since 1970 (UTC). Amounts are in the currency's smallest unit.
-- IDs are TypeIDs (a prefix and a UUID v7), which sort by the time they were made.

CREATE TABLE workspace (
    id           TEXT PRIMARY KEY,
    address_salt BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

CREATE TABLE api_key (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    secret_hash  BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
) STRICT;

-- Never changed once made: a new rule is a new row, so that a past commission can be explained.
CREATE TABLE reward (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    basis_points INTEGER CHECK (basis_points BETWEEN 1 AND 10000),
    flat_amount  INTEGER CHECK (flat_amount > 0),
    "interval"   TEXT NOT NULL CHECK ("interval" IN ('one_time', 'recurring', 'lifetime')),
    months       INTEGER CHECK (months > 0),
    created_at   INTEGER NOT NULL,
    CHECK ((basis_points IS NULL) <> (flat_amount IS NULL)),
    CHECK (("interval" = 'recurring') = (months IS NOT NULL))
) STRICT;

CREATE TABLE program (
    id             TEXT PRIMARY KEY,
    workspace_id   TEXT NOT NULL REFERENCES workspace (id),
    currency       TEXT NOT NULL,
    holding_days   INTEGER NOT NULL CHECK (holding_days >= 0),
    sale_reward_id TEXT REFERENCES reward (id),
    created_at     INTEGER NOT NULL
) STRICT;

CREATE TABLE partner_group (
    id             TEXT PRIMARY KEY,
    program_id     TEXT NOT NULL REFERENCES program (id),
    name           TEXT NOT NULL,
    sale_reward_id TEXT REFERENCES reward (id),
    lead_reward_id TEXT REFERENCES reward (id),
    created_at     INTEGER NOT NULL,
    UNIQUE (program_id, name)
) STRICT;

-- A partner's enrollment in a program: the person, and what they earn there.
CREATE TABLE partner (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL REFERENCES workspace (id),
    program_id    TEXT NOT NULL REFERENCES program (id),
    group_id      TEXT REFERENCES partner_group (id),
    enrollment_id TEXT NOT NULL UNIQUE,
    tenant_id     TEXT,
    email         TEXT NOT NULL COLLATE NOCASE,
    name          TEXT,
    created_at    INTEGER NOT NULL,
    UNIQUE (workspace_id, email),
    UNIQUE (workspace_id, tenant_id)
) STRICT;
CREATE INDEX partner_workspace ON partner (workspace_id, id);

CREATE TABLE link (
    id          TEXT PRIMARY KEY,
    partner_id  TEXT NOT NULL REFERENCES partner (id),
    "key"       TEXT NOT NULL UNIQUE,
    destination TEXT NOT NULL,
    clicks      INTEGER NOT NULL DEFAULT 0,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX link_partner ON link (partner_id);

CREATE TABLE click (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    -- NULL once the link is gone: the click is still known, but belongs to nobody.
    link_id      TEXT REFERENCES link (id) ON DELETE SET NULL,
    address_hash BLOB,
    user_agent   TEXT,
    referrer     TEXT,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX click_link ON click (link_id);

CREATE TABLE customer (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    -- NULL for a Partli lead, until a sale names the customer.
    external_id  TEXT,
    email        TEXT COLLATE NOCASE,
    name         TEXT,
    avatar       TEXT,
    -- The first attribution, which stays.
    click_id     TEXT NOT NULL REFERENCES click (id),
    link_id      TEXT NOT NULL REFERENCES link (id),
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, external_id)
) STRICT;
CREATE INDEX customer_click ON customer (click_id);
CREATE INDEX customer_email ON customer (workspace_id, email);

CREATE TABLE event (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    program_id   TEXT NOT NULL REFERENCES program (id),
    partner_id   TEXT NOT NULL REFERENCES partner (id),
    link_id      TEXT NOT NULL REFERENCES link (id),
    customer_id  TEXT NOT NULL REFERENCES customer (id),
    click_id     TEXT NOT NULL REFERENCES click (id),
    kind         TEXT NOT NULL CHECK (kind IN ('lead', 'sale')),
    -- What makes a repeat a repeat. NULL where the sender gave nothing to tell by.
    dedupe_key   TEXT,
    amount       INTEGER,
    currency     TEXT,
    metadata     TEXT,
    -- What was answered, so that a replay gives the first answer.
    answer       TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    CHECK ((kind = 'sale') = (amount IS NOT NULL AND currency IS NOT NULL)),
    UNIQUE (workspace_id, kind, dedupe_key)
) STRICT;
CREATE INDEX event_customer ON event (customer_id);
CREATE INDEX event_partner ON event (partner_id, kind);

CREATE TABLE commission (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    program_id   TEXT NOT NULL REFERENCES program (id),
    partner_id   TEXT NOT NULL REFERENCES partner (id),
    customer_id  TEXT NOT NULL REFERENCES customer (id),
    event_id     TEXT NOT NULL UNIQUE REFERENCES event (id),
    reward_id    TEXT NOT NULL REFERENCES reward (id),
    kind         TEXT NOT NULL CHECK (kind IN ('lead', 'sale')),
    amount       INTEGER NOT NULL CHECK (amount > 0),
    currency     TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'paid', 'voided')),
    payable_at   INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX commission_customer ON commission (customer_id, kind, created_at);
CREATE INDEX commission_partner ON commission (partner_id, id);
CREATE INDEX commission_workspace ON commission (workspace_id, id);

-- Events for the workspace's webhooks, in the order they happened.
CREATE TABLE outgoing_event (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    type         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;

CREATE TABLE embed_token (
    token_hash BLOB PRIMARY KEY,
    partner_id TEXT NOT NULL REFERENCES partner (id),
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX embed_token_expires ON embed_token (expires_at);
