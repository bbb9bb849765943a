-- Limits on text messages (docs/threat-model.md: SMS pumping), counted where no restart forgets them.

-- Whose phone a code went to, as keyed digests: the number, and its range (the number without its last four digits).
alter table challenges
    add column number_digest bytea,
    add column range_digest bytea,
    add column reserved_at timestamptz; -- when the sending was allowed; sending again what was allowed costs nothing

create index challenges_number on challenges (number_digest, reserved_at) where reserved_at is not null;
create index challenges_range on challenges (range_digest, reserved_at) where reserved_at is not null;

-- Text messages allowed in a day of Jakarta.
create table sms_days (
    day date primary key,
    allowed bigint not null
);
