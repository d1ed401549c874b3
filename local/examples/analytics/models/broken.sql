/* Fails on purpose, where ENABLE_BROKEN=true lets it in (see config.py). */
MODEL (
  name marts.broken,
  kind FULL
);

SELECT no_such_function(page) AS page FROM marts.popular_pages
