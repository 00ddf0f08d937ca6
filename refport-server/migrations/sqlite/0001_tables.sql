-- Times are milliseconds since 1970 (UTC). Amounts are in the currency's smallest unit.
-- IDs are TypeIDs (a prefix and a UUID v7), which sort by the time they were made.
-- The same tables stand in migrations/postgres; a test compares their columns.

CREATE TABLE workspace (
    id           TEXT PRIMARY KEY,
    address_salt BLOB NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

-- What click IDs and embed tokens are signed with. The newest signs, all of them verify.
CREATE TABLE signing_key (
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    number       INTEGER NOT NULL CHECK (number BETWEEN 0 AND 255),
    secret       BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (workspace_id, number)
) STRICT;

-- Never changed once made: a new rule is a new row, so that a past commission can be explained.
CREATE TABLE reward (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    basis_points INTEGER CHECK (basis_points BETWEEN 1 AND 10000),
    flat_amount  INTEGER CHECK (flat_amount > 0),
    duration     TEXT NOT NULL CHECK (duration IN ('one_time', 'recurring', 'lifetime')),
    months       INTEGER CHECK (months > 0),
    created_at   INTEGER NOT NULL,
    CHECK ((basis_points IS NULL) <> (flat_amount IS NULL)),
    CHECK ((duration = 'recurring') = (months IS NOT NULL))
) STRICT;

CREATE TABLE program (
    id               TEXT PRIMARY KEY,
    workspace_id     TEXT NOT NULL REFERENCES workspace (id),
    name             TEXT NOT NULL,
    currency         TEXT NOT NULL,
    -- Codes that are not in ISO 4217 and are taken all the same, with commas between them.
    other_currencies TEXT NOT NULL DEFAULT '',
    holding_days     INTEGER NOT NULL CHECK (holding_days >= 0),
    sale_reward_id   TEXT REFERENCES reward (id),
    created_at       INTEGER NOT NULL,
    UNIQUE (workspace_id, name)
) STRICT;

-- A key acts in its workspace; what a call does not name otherwise is of the key's program.
CREATE TABLE api_key (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    program_id   TEXT NOT NULL REFERENCES program (id),
    secret_hash  BLOB NOT NULL,
    created_at   INTEGER NOT NULL,
    revoked_at   INTEGER
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

-- A person or company that refers customers.
CREATE TABLE partner (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    tenant_id    TEXT,
    email        TEXT NOT NULL,
    -- The address as it is compared: one partner each.
    email_key    TEXT NOT NULL,
    name         TEXT,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, email_key),
    UNIQUE (workspace_id, tenant_id)
) STRICT;
CREATE INDEX partner_workspace ON partner (workspace_id, id);

-- A partner in a program: what they earn there, and by which group's rewards.
CREATE TABLE enrollment (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    program_id   TEXT NOT NULL REFERENCES program (id),
    partner_id   TEXT NOT NULL REFERENCES partner (id),
    group_id     TEXT REFERENCES partner_group (id),
    created_at   INTEGER NOT NULL,
    UNIQUE (partner_id, program_id)
) STRICT;
CREATE INDEX enrollment_program ON enrollment (program_id, id);

CREATE TABLE link (
    id            TEXT PRIMARY KEY,
    workspace_id  TEXT NOT NULL REFERENCES workspace (id),
    enrollment_id TEXT NOT NULL REFERENCES enrollment (id),
    -- What click IDs name the link by: chance, below 2^40.
    number        INTEGER NOT NULL,
    "key"         TEXT NOT NULL UNIQUE,
    destination   TEXT NOT NULL,
    created_at    INTEGER NOT NULL,
    UNIQUE (workspace_id, number)
) STRICT;
CREATE INDEX link_enrollment ON link (enrollment_id, id);

CREATE TABLE click (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    -- NULL once the link is gone: the click is still known, but belongs to nobody.
    link_id      TEXT REFERENCES link (id) ON DELETE SET NULL,
    verdict      TEXT NOT NULL CHECK (verdict IN ('person', 'bot', 'preview')),
    address_hash BLOB,
    user_agent   TEXT,
    referrer     TEXT,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX click_link ON click (link_id);

-- Clicks by day (UTC) and verdict, added up as they are written.
CREATE TABLE click_count (
    link_id TEXT NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    day     INTEGER NOT NULL,
    verdict TEXT NOT NULL CHECK (verdict IN ('person', 'bot', 'preview')),
    clicks  INTEGER NOT NULL,
    PRIMARY KEY (link_id, day, verdict)
) STRICT;

CREATE TABLE customer (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL REFERENCES workspace (id),
    -- What there is one customer of: ext: and an external ID, else mail: and an address, else event:.
    identity     TEXT NOT NULL,
    -- As it came. NULL for a Partli lead, until a sale names the customer.
    external_id  TEXT,
    email        TEXT,
    email_key    TEXT,
    name         TEXT,
    avatar       TEXT,
    -- The first attribution, which stays.
    click_id     TEXT NOT NULL REFERENCES click (id),
    link_id      TEXT NOT NULL REFERENCES link (id),
    -- Counts the changes and commissions, so that two servers do not decide by the same old facts.
    version      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL,
    UNIQUE (workspace_id, identity)
) STRICT;
CREATE INDEX customer_click ON customer (click_id);
CREATE INDEX customer_email ON customer (workspace_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX customer_link ON customer (link_id);

CREATE TABLE event (
    id                TEXT PRIMARY KEY,
    workspace_id      TEXT NOT NULL,
    program_id        TEXT NOT NULL,
    partner_id        TEXT NOT NULL,
    link_id           TEXT NOT NULL,
    customer_id       TEXT NOT NULL REFERENCES customer (id),
    click_id          TEXT NOT NULL,
    -- The click that the report named, where the customer's first one stayed.
    named_click_id    TEXT,
    kind              TEXT NOT NULL CHECK (kind IN ('lead', 'sale')),
    -- What makes a repeat a repeat, in its canonical form. NULL where the sender gave nothing.
    dedupe_key        TEXT,
    event_name        TEXT NOT NULL,
    -- As it came; the key beside it is canonical.
    invoice_id        TEXT,
    payment_processor TEXT,
    amount            INTEGER,
    currency          TEXT,
    -- What was answered first.
    commission_amount INTEGER,
    -- Of a repeat that named another amount: the last such one.
    other_amount      INTEGER,
    other_currency    TEXT,
    -- The customer as they were known then, for the answer to a repeat.
    customer_email    TEXT,
    customer_name     TEXT,
    -- Of leads: the link as it was then, for the answer to a repeat.
    link_domain       TEXT,
    link_key          TEXT,
    link_destination  TEXT,
    metadata          TEXT,
    -- The step that decided what is earned, or that nothing is.
    reason            TEXT NOT NULL,
    self_referral     INTEGER NOT NULL CHECK (self_referral IN (0, 1)),
    occurred_at       INTEGER NOT NULL,
    received_at       INTEGER NOT NULL,
    CHECK ((kind = 'sale') = (amount IS NOT NULL AND currency IS NOT NULL)),
    UNIQUE (workspace_id, kind, dedupe_key)
) STRICT;
CREATE INDEX event_customer ON event (customer_id, id);
CREATE INDEX event_partner ON event (partner_id, kind);
CREATE INDEX event_click ON event (click_id);
CREATE INDEX event_named_click ON event (named_click_id) WHERE named_click_id IS NOT NULL;
-- A zero amount does not use up its invoice, so it has no key to be found by.
CREATE INDEX event_free ON event (workspace_id, invoice_id) WHERE dedupe_key IS NULL;

CREATE TABLE commission (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    program_id   TEXT NOT NULL,
    partner_id   TEXT NOT NULL,
    customer_id  TEXT NOT NULL,
    event_id     TEXT NOT NULL UNIQUE REFERENCES event (id),
    reward_id    TEXT NOT NULL REFERENCES reward (id),
    kind         TEXT NOT NULL CHECK (kind IN ('lead', 'sale')),
    amount       INTEGER NOT NULL CHECK (amount > 0),
    currency     TEXT NOT NULL,
    status       TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'paid', 'voided')),
    payable_at   INTEGER NOT NULL,
    occurred_at  INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;
CREATE INDEX commission_customer ON commission (customer_id, program_id, kind);
CREATE INDEX commission_partner ON commission (partner_id, id);
CREATE INDEX commission_workspace ON commission (workspace_id, id);

-- Reports that were not recorded, each with its reason, for as long as the owner keeps them.
CREATE TABLE refusal (
    id                   TEXT PRIMARY KEY,
    workspace_id         TEXT NOT NULL,
    kind                 TEXT NOT NULL CHECK (kind IN ('lead', 'sale')),
    reason               TEXT NOT NULL,
    detail               TEXT,
    click_id             TEXT,
    customer_external_id TEXT,
    invoice_id           TEXT,
    event_name           TEXT,
    amount               INTEGER,
    currency             TEXT,
    occurred_at          INTEGER NOT NULL,
    received_at          INTEGER NOT NULL
) STRICT;
CREATE INDEX refusal_click ON refusal (workspace_id, click_id);
CREATE INDEX refusal_customer ON refusal (workspace_id, customer_external_id);
CREATE INDEX refusal_invoice ON refusal (workspace_id, invoice_id);
CREATE INDEX refusal_received ON refusal (received_at);

-- Events for the workspace's webhooks, in the order they happened.
CREATE TABLE outgoing_event (
    id           TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    type         TEXT NOT NULL,
    payload      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    delivered_at INTEGER
) STRICT;
