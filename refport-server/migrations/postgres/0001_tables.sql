-- Times are milliseconds since 1970 (UTC). Amounts are in the currency's smallest unit.
-- IDs are TypeIDs (a prefix and a UUID v7), which sort by the time they were made.
-- The same tables stand in migrations/sqlite; a test compares their columns.
-- Each statement is run by itself and may be run again: where two servers start at once, both run it.

CREATE TABLE IF NOT EXISTS workspace (
    id           TEXT COLLATE "C" PRIMARY KEY,
    address_salt BYTEA NOT NULL,
    created_at   BIGINT NOT NULL
);

-- What click IDs and embed tokens are signed with. The newest signs, all of them verify.
CREATE TABLE IF NOT EXISTS signing_key (
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    number       BIGINT NOT NULL CHECK (number BETWEEN 0 AND 255),
    secret       BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, number)
);

-- Never changed once made: a new rule is a new row, so that a past commission can be explained.
CREATE TABLE IF NOT EXISTS reward (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    basis_points BIGINT CHECK (basis_points BETWEEN 1 AND 10000),
    flat_amount  BIGINT CHECK (flat_amount > 0),
    duration     TEXT COLLATE "C" NOT NULL CHECK (duration IN ('one_time', 'recurring', 'lifetime')),
    months       BIGINT CHECK (months > 0),
    created_at   BIGINT NOT NULL,
    CHECK ((basis_points IS NULL) <> (flat_amount IS NULL)),
    CHECK ((duration = 'recurring') = (months IS NOT NULL))
);

CREATE TABLE IF NOT EXISTS program (
    id               TEXT COLLATE "C" PRIMARY KEY,
    workspace_id     TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    name             TEXT COLLATE "C" NOT NULL,
    currency         TEXT COLLATE "C" NOT NULL,
    -- Codes that are not in ISO 4217 and are taken all the same, with commas between them.
    other_currencies TEXT COLLATE "C" NOT NULL DEFAULT '',
    holding_days     BIGINT NOT NULL CHECK (holding_days >= 0),
    sale_reward_id   TEXT COLLATE "C" REFERENCES reward (id),
    created_at       BIGINT NOT NULL,
    UNIQUE (workspace_id, name)
);

-- A key acts in its workspace; what a call does not name otherwise is of the key's program.
CREATE TABLE IF NOT EXISTS api_key (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    program_id   TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    secret_hash  BYTEA NOT NULL,
    created_at   BIGINT NOT NULL,
    revoked_at   BIGINT
);

CREATE TABLE IF NOT EXISTS partner_group (
    id             TEXT COLLATE "C" PRIMARY KEY,
    program_id     TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    name           TEXT COLLATE "C" NOT NULL,
    sale_reward_id TEXT COLLATE "C" REFERENCES reward (id),
    lead_reward_id TEXT COLLATE "C" REFERENCES reward (id),
    created_at     BIGINT NOT NULL,
    UNIQUE (program_id, name)
);

-- A person or company that refers customers.
CREATE TABLE IF NOT EXISTS partner (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    tenant_id    TEXT COLLATE "C",
    email        TEXT COLLATE "C" NOT NULL,
    -- The address as it is compared: one partner each.
    email_key    TEXT COLLATE "C" NOT NULL,
    name         TEXT COLLATE "C",
    created_at   BIGINT NOT NULL,
    UNIQUE (workspace_id, email_key),
    UNIQUE (workspace_id, tenant_id)
);
CREATE INDEX IF NOT EXISTS partner_workspace ON partner (workspace_id, id);

-- A partner in a program: what they earn there, and by which group's rewards.
CREATE TABLE IF NOT EXISTS enrollment (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    program_id   TEXT COLLATE "C" NOT NULL REFERENCES program (id),
    partner_id   TEXT COLLATE "C" NOT NULL REFERENCES partner (id),
    group_id     TEXT COLLATE "C" REFERENCES partner_group (id),
    created_at   BIGINT NOT NULL,
    UNIQUE (partner_id, program_id)
);
CREATE INDEX IF NOT EXISTS enrollment_program ON enrollment (program_id, id);

CREATE TABLE IF NOT EXISTS link (
    id            TEXT COLLATE "C" PRIMARY KEY,
    workspace_id  TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    enrollment_id TEXT COLLATE "C" NOT NULL REFERENCES enrollment (id),
    -- What click IDs name the link by: chance, below 2^40.
    number        BIGINT NOT NULL,
    "key"         TEXT COLLATE "C" NOT NULL UNIQUE,
    destination   TEXT COLLATE "C" NOT NULL,
    created_at    BIGINT NOT NULL,
    UNIQUE (workspace_id, number)
);
CREATE INDEX IF NOT EXISTS link_enrollment ON link (enrollment_id, id);

CREATE TABLE IF NOT EXISTS click (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    -- NULL once the link is gone: the click is still known, but belongs to nobody.
    link_id      TEXT COLLATE "C" REFERENCES link (id) ON DELETE SET NULL,
    verdict      TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('person', 'bot', 'preview')),
    address_hash BYTEA,
    user_agent   TEXT COLLATE "C",
    referrer     TEXT COLLATE "C",
    created_at   BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS click_link ON click (link_id);

-- Clicks by day (UTC) and verdict, added up as they are written.
CREATE TABLE IF NOT EXISTS click_count (
    link_id TEXT COLLATE "C" NOT NULL REFERENCES link (id) ON DELETE CASCADE,
    day     BIGINT NOT NULL,
    verdict TEXT COLLATE "C" NOT NULL CHECK (verdict IN ('person', 'bot', 'preview')),
    clicks  BIGINT NOT NULL,
    PRIMARY KEY (link_id, day, verdict)
);

CREATE TABLE IF NOT EXISTS customer (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL REFERENCES workspace (id),
    -- What there is one customer of: ext: and an external ID, else mail: and an address, else event:.
    identity     TEXT COLLATE "C" NOT NULL,
    -- As it came. NULL for a Partli lead, until a sale names the customer.
    external_id  TEXT COLLATE "C",
    email        TEXT COLLATE "C",
    email_key    TEXT COLLATE "C",
    name         TEXT COLLATE "C",
    avatar       TEXT COLLATE "C",
    -- The first attribution, which stays.
    click_id     TEXT COLLATE "C" NOT NULL REFERENCES click (id),
    link_id      TEXT COLLATE "C" NOT NULL REFERENCES link (id),
    -- Counts the changes and commissions, so that two servers do not decide by the same old facts.
    version      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    UNIQUE (workspace_id, identity)
);
CREATE INDEX IF NOT EXISTS customer_click ON customer (click_id);
-- Partial, so that nothing but an address is looked up in it: while a table is small, a planner takes
-- any index that begins with the workspace for as good as the right one.
CREATE INDEX IF NOT EXISTS customer_email ON customer (workspace_id, email_key) WHERE email_key IS NOT NULL;
CREATE INDEX IF NOT EXISTS customer_link ON customer (link_id);

-- One row for each address that a new customer came with: who makes a customer by it compares the version,
-- so that two servers which found nobody do not both make one. The address is a SHA-256. Not on SQLite,
-- where one at a time writes.
CREATE TABLE IF NOT EXISTS address (
    workspace_id TEXT COLLATE "C" NOT NULL,
    hash         BYTEA NOT NULL,
    version      BIGINT NOT NULL,
    PRIMARY KEY (workspace_id, hash)
);

CREATE TABLE IF NOT EXISTS event (
    id                TEXT COLLATE "C" PRIMARY KEY,
    workspace_id      TEXT COLLATE "C" NOT NULL,
    program_id        TEXT COLLATE "C" NOT NULL,
    partner_id        TEXT COLLATE "C" NOT NULL,
    link_id           TEXT COLLATE "C" NOT NULL,
    customer_id       TEXT COLLATE "C" NOT NULL REFERENCES customer (id),
    click_id          TEXT COLLATE "C" NOT NULL,
    -- The click that the report named, where the customer's first one stayed.
    named_click_id    TEXT COLLATE "C",
    kind              TEXT COLLATE "C" NOT NULL CHECK (kind IN ('lead', 'sale')),
    -- What makes a repeat a repeat, in its canonical form. NULL where the sender gave nothing.
    dedupe_key        TEXT COLLATE "C",
    event_name        TEXT COLLATE "C" NOT NULL,
    -- As it came; the key beside it is canonical.
    invoice_id        TEXT COLLATE "C",
    payment_processor TEXT COLLATE "C",
    amount            BIGINT,
    currency          TEXT COLLATE "C",
    -- What was answered first.
    commission_amount BIGINT,
    -- Of a repeat that named another amount: the last such one.
    other_amount      BIGINT,
    other_currency    TEXT COLLATE "C",
    -- The customer as they were known then, for the answer to a repeat.
    customer_email    TEXT COLLATE "C",
    customer_name     TEXT COLLATE "C",
    -- Of leads: the link as it was then, for the answer to a repeat.
    link_domain       TEXT COLLATE "C",
    link_key          TEXT COLLATE "C",
    link_destination  TEXT COLLATE "C",
    metadata          TEXT COLLATE "C",
    -- The step that decided what is earned, or that nothing is.
    reason            TEXT COLLATE "C" NOT NULL,
    self_referral     BIGINT NOT NULL CHECK (self_referral IN (0, 1)),
    occurred_at       BIGINT NOT NULL,
    received_at       BIGINT NOT NULL,
    CHECK ((kind = 'sale') = (amount IS NOT NULL AND currency IS NOT NULL)),
    UNIQUE (workspace_id, kind, dedupe_key)
);
CREATE INDEX IF NOT EXISTS event_customer ON event (customer_id, id);
CREATE INDEX IF NOT EXISTS event_partner ON event (partner_id, kind);
CREATE INDEX IF NOT EXISTS event_click ON event (click_id);
CREATE INDEX IF NOT EXISTS event_named_click ON event (named_click_id) WHERE named_click_id IS NOT NULL;
-- A zero amount does not use up its invoice, so it has no key to be found by.
CREATE INDEX IF NOT EXISTS event_free ON event (workspace_id, invoice_id) WHERE dedupe_key IS NULL;

CREATE TABLE IF NOT EXISTS commission (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    program_id   TEXT COLLATE "C" NOT NULL,
    partner_id   TEXT COLLATE "C" NOT NULL,
    customer_id  TEXT COLLATE "C" NOT NULL,
    event_id     TEXT COLLATE "C" NOT NULL UNIQUE REFERENCES event (id),
    reward_id    TEXT COLLATE "C" NOT NULL REFERENCES reward (id),
    kind         TEXT COLLATE "C" NOT NULL CHECK (kind IN ('lead', 'sale')),
    amount       BIGINT NOT NULL CHECK (amount > 0),
    currency     TEXT COLLATE "C" NOT NULL,
    status       TEXT COLLATE "C" NOT NULL CHECK (status IN ('pending', 'approved', 'paid', 'voided')),
    payable_at   BIGINT NOT NULL,
    occurred_at  BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS commission_customer ON commission (customer_id, program_id, kind);
CREATE INDEX IF NOT EXISTS commission_partner ON commission (partner_id, id);
CREATE INDEX IF NOT EXISTS commission_workspace ON commission (workspace_id, id);

-- Reports that were not recorded, each with its reason, for as long as the owner keeps them.
CREATE TABLE IF NOT EXISTS refusal (
    id                   TEXT COLLATE "C" PRIMARY KEY,
    workspace_id         TEXT COLLATE "C" NOT NULL,
    kind                 TEXT COLLATE "C" NOT NULL CHECK (kind IN ('lead', 'sale')),
    reason               TEXT COLLATE "C" NOT NULL,
    detail               TEXT COLLATE "C",
    click_id             TEXT COLLATE "C",
    customer_external_id TEXT COLLATE "C",
    invoice_id           TEXT COLLATE "C",
    event_name           TEXT COLLATE "C",
    amount               BIGINT,
    currency             TEXT COLLATE "C",
    occurred_at          BIGINT NOT NULL,
    received_at          BIGINT NOT NULL
);
CREATE INDEX IF NOT EXISTS refusal_click ON refusal (workspace_id, click_id);
CREATE INDEX IF NOT EXISTS refusal_customer ON refusal (workspace_id, customer_external_id);
CREATE INDEX IF NOT EXISTS refusal_invoice ON refusal (workspace_id, invoice_id);
CREATE INDEX IF NOT EXISTS refusal_received ON refusal (received_at);

-- Events for the workspace's webhooks, in the order they happened.
CREATE TABLE IF NOT EXISTS outgoing_event (
    id           TEXT COLLATE "C" PRIMARY KEY,
    workspace_id TEXT COLLATE "C" NOT NULL,
    type         TEXT COLLATE "C" NOT NULL,
    payload      TEXT COLLATE "C" NOT NULL,
    created_at   BIGINT NOT NULL,
    delivered_at BIGINT
);
