MODEL (
  name marts.visits_per_hour,
  kind INCREMENTAL_BY_TIME_RANGE (time_column hour),
  cron '@hourly',
  grain (hour, section),
  audits (UNIQUE_COMBINATION_OF_COLUMNS(columns := (hour, section)))
);

SELECT
  DATE_TRUNC('hour', visits.visited_at)::TIMESTAMP AS hour,
  pages.section,
  COUNT(*) AS visits,
  COUNT(DISTINCT visits.visitor) AS visitors
FROM raw.visits AS visits
JOIN raw.pages AS pages
  ON pages.page = visits.page
WHERE visits.visited_at BETWEEN @start_ts AND @end_ts
GROUP BY 1, 2
