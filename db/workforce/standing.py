"""SQL of what is computed of an authorisation, for lists; migrations install it. The same rule in Python is
`domain/workforce/rules/standing.py`, and a test compares the two.
"""

# The organization's local date, for what depends on the day; null when the organization is not visible.
LOCAL_TODAY = """
CREATE FUNCTION local_today(org uuid) RETURNS date LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT (now() AT TIME ZONE o.time_zone)::date FROM public.organizations o WHERE o.id = org
$$
"""

COURSE_HELD = """
CREATE FUNCTION course_held(org uuid, person uuid, course uuid, day date) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM public.training_records t
        WHERE t.org_id = org AND t.user_id = person AND t.course_id = course AND t.voided_at IS NULL
            AND t.completed_on <= day AND (t.expires_on IS NULL OR t.expires_on >= day)
    )
$$
"""

REASONS = """
CREATE FUNCTION authorisation_reasons(org uuid, authorisation uuid, day date) RETURNS text[]
LANGUAGE sql STABLE PARALLEL SAFE AS $$
WITH a AS (
    SELECT * FROM public.authorisations WHERE org_id = org AND id = authorisation
), l AS (
    SELECT l.authority || ' ' || l.number AS name, l.issued_on, l.expires_on
    FROM a JOIN public.licences l ON l.org_id = org AND l.id = a.licence_id
), c AS (
    SELECT
        format('The course %s (%s)', c.code, c.name) AS course, c.id, e.supervisor_id, e.grace_until,
        (
            SELECT max(t.expires_on) FROM public.training_records t
            WHERE t.org_id = org AND t.user_id = a.user_id AND t.course_id = c.id AND t.voided_at IS NULL
                AND t.completed_on <= day
        ) AS lapsed
    FROM a
    JOIN public.authorisation_courses ac ON ac.org_id = org AND ac.authorisation_id = a.id
    JOIN public.courses c ON c.org_id = org AND c.id = ac.course_id
    LEFT JOIN public.enrolments e ON e.org_id = org AND e.user_id = a.user_id AND e.course_id = c.id
        AND e.duties_from <= day AND (e.withdrawn_on IS NULL OR e.withdrawn_on > day)
    WHERE NOT public.course_held(org, a.user_id, c.id, day)
), x AS (
    SELECT o.experience_months AS needed, o.experience_window_months AS months, (
        SELECT count(DISTINCT date_trunc('month', w.worked_on::timestamp))
        FROM public.experience_entries w
        WHERE w.org_id = org AND w.user_id = a.user_id AND w.worked_on <= day
            AND w.worked_on > (day - make_interval(months => o.experience_window_months))::date
            AND (
                (w.aircraft_type_id IS NULL AND a.privilege = 'COMPONENT_CERTIFYING')
                OR NOT EXISTS (
                    SELECT FROM public.authorisation_types s WHERE s.org_id = org AND s.authorisation_id = a.id
                )
                OR EXISTS (
                    SELECT FROM public.authorisation_types s
                    WHERE s.org_id = org AND s.authorisation_id = a.id AND s.aircraft_type_id = w.aircraft_type_id
                )
            )
    ) AS worked
    FROM a JOIN public.organizations o ON o.id = org
    WHERE a.privilege IN ('CERTIFYING_STAFF', 'COMPONENT_CERTIFYING')
), reasons (place, reason) AS (
    SELECT 1, format('The authorisation %s is %s.', a.number, lower(a.state)) FROM a WHERE a.state <> 'ACTIVE'
    UNION ALL
    SELECT 2, format('The authorisation %s is valid from %s.', a.number, to_char(a.valid_from, 'YYYY-MM-DD'))
    FROM a WHERE a.valid_from > day
    UNION ALL
    SELECT 3, format('The authorisation %s expired on %s.', a.number, to_char(a.expires_on, 'YYYY-MM-DD'))
    FROM a WHERE a.expires_on < day
    UNION ALL
    SELECT 4, 'The person is no longer a member of the organization.'
    FROM a WHERE NOT EXISTS (
        SELECT FROM public.memberships m WHERE m.org_id = org AND m.user_id = a.user_id AND m.state = 'ACTIVE'
    )
    UNION ALL
    SELECT 5, format('The licence %s is valid from %s.', l.name, to_char(l.issued_on, 'YYYY-MM-DD'))
    FROM l WHERE l.issued_on > day
    UNION ALL
    SELECT 6, format('The licence %s expired on %s.', l.name, to_char(l.expires_on, 'YYYY-MM-DD'))
    FROM l WHERE l.expires_on < day
    UNION ALL
    SELECT 7, c.course || CASE
        WHEN c.lapsed IS NOT NULL THEN format(' expired on %s.', to_char(c.lapsed, 'YYYY-MM-DD'))
        WHEN c.grace_until IS NULL THEN ' has not been passed.'
        WHEN c.grace_until < day THEN
            format(' has not been passed, and the grace for it ended on %s.', to_char(c.grace_until, 'YYYY-MM-DD'))
        ELSE ' has not been passed, and who supervises the grace for it does not hold it.'
    END
    FROM c
    WHERE c.lapsed IS NOT NULL OR c.grace_until IS NULL OR c.grace_until < day
        OR NOT public.course_held(org, c.supervisor_id, c.id, day)
    UNION ALL
    SELECT 8, format(
        'Recent experience is missing: work in %s of the last %s months, %s are needed.', x.worked, x.months, x.needed
    )
    FROM x WHERE x.worked < x.needed
)
SELECT coalesce(array_agg(reason ORDER BY place, reason COLLATE "C"), '{}') FROM reasons
$$
"""
