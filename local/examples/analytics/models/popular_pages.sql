MODEL (
  name marts.popular_pages,
  kind FULL,
  grain page,
  audits (UNIQUE_VALUES(columns := (page)), ACCEPTED_RANGE(column := visits, min_v := 0))
);

SELECT
  pages.page,
  pages.title,
  COUNT(visits.page) AS visits,
  MAX(visits.visited_at) AS last_visited_at
FROM raw.pages AS pages
LEFT JOIN raw.visits AS visits
  ON visits.page = pages.page
GROUP BY pages.page, pages.title
