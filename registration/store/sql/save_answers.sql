-- Saves answers while the attempt runs; an answer that is null leaves the earlier one.
-- $1 registration, $2 wave, $3 places of the options in the order of the questions.
update assessments set answers = (
    select array_agg(coalesce(given, kept) order by place)
    from unnest($3::smallint[], answers) with ordinality as pair (given, kept, place)
)
where registration_id = $1 and wave = $2 and submitted_at is null and scored_at is null and clock_timestamp() < deadline_at
    and cardinality(answers) = cardinality($3::smallint[])
returning wave
