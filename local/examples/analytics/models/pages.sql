MODEL (
  name raw.pages,
  kind SEED (path '../seeds/pages.csv'),
  columns (page TEXT, section TEXT, title TEXT),
  grain page,
  audits (UNIQUE_VALUES(columns := (page)), NOT_NULL(columns := (page, section)))
);
