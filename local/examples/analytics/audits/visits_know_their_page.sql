AUDIT (name visits_know_their_page);

SELECT visits.* FROM @this_model AS visits
LEFT JOIN raw.pages AS pages ON pages.page = visits.page
WHERE pages.page IS NULL
