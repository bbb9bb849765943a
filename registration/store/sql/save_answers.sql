-- Saves answers while an attempt runs; an answer that is null leaves the earlier one. Waves do not overlap and an attempt ends
-- with its wave, so an applicant has one that runs, or none.
-- $1 registration, $2 places of the options in the order of the questions.
update assessments set answers = (
    select array_agg(coalesce(given, kept) order by place)
    from unnest($2::smallint[], answers) with ordinality as pair (given, kept, place)
)
where registration_id = $1 and submitted_at is null and scored_at is null and clock_timestamp() < deadline_at
    and cardinality(answers) = cardinality($2::smallint[])
returning wave
