/* Stands in for a web server's log: 1 to 12 visits in every five minutes, the same ones each time one asks. */
MODEL (
  name raw.visits,
  kind INCREMENTAL_BY_TIME_RANGE (time_column visited_at),
  grain (visited_at, visitor),
  audits (NOT_NULL(columns := (visited_at, visitor, page)), visits_know_their_page)
);

WITH draws AS (
  SELECT
    slots.slot,
    draw.n,
    HASH(slots.slot, draw.n) AS chance
  FROM GENERATE_SERIES(@start_ts::TIMESTAMP, @end_ts::TIMESTAMP, INTERVAL 5 MINUTES) AS slots(slot)
  CROSS JOIN RANGE(12) AS draw(n)
  WHERE draw.n <= HASH(slots.slot) % 12
), pages AS (
  SELECT
    page,
    ROW_NUMBER() OVER (ORDER BY page) - 1 AS position,
    COUNT(*) OVER () AS total
  FROM raw.pages
)
SELECT
  draws.slot + INTERVAL (20 * draws.n) SECONDS AS visited_at,
  'v' || (draws.chance % 500)::TEXT AS visitor,
  pages.page
FROM draws
JOIN pages
  ON pages.position = (draws.chance // 500) % pages.total
