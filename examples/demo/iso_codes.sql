-- The world's countries, subdivisions, languages, currencies and scripts as a relational database,
-- from the JSON files of Debian's iso-codes package. Run by demo.sh:
--
--   tributary sql --create --plain world.db < iso_codes.sql
--
-- A database as many applications have one: text keys, foreign keys, NOT NULL columns without a
-- default. Nothing in it was made for replication.
PRAGMA foreign_keys = ON;
BEGIN;

CREATE TABLE country (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 3166-1, two letters
  alpha_3 TEXT NOT NULL,
  numeric TEXT NOT NULL,
  name TEXT NOT NULL,
  official_name TEXT,
  flag TEXT NOT NULL
);

CREATE TABLE former_country (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 3166-3, four letters
  alpha_3 TEXT NOT NULL,
  numeric TEXT,
  name TEXT NOT NULL,
  withdrawn TEXT NOT NULL,
  comment TEXT
);

CREATE TABLE subdivision (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 3166-2, such as CH-VD
  country TEXT NOT NULL REFERENCES country(code),
  parent TEXT REFERENCES subdivision(code) DEFERRABLE INITIALLY DEFERRED,
  type TEXT NOT NULL,
  name TEXT NOT NULL
);
CREATE INDEX subdivision_country ON subdivision(country);
CREATE INDEX subdivision_parent ON subdivision(parent);

CREATE TABLE language_family (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 639-5
  name TEXT NOT NULL
);

CREATE TABLE language (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 639-3
  alpha_2 TEXT,
  scope TEXT NOT NULL,  -- individual, macrolanguage, special
  type TEXT NOT NULL,   -- living, extinct, ...
  name TEXT NOT NULL,
  inverted_name TEXT
);

CREATE TABLE bibliographic_language (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 639-2
  bibliographic TEXT,
  language TEXT REFERENCES language(code),  -- NULL: a collection, not one language
  name TEXT NOT NULL
);
CREATE INDEX bibliographic_language_language ON bibliographic_language(language);

CREATE TABLE currency (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 4217
  numeric TEXT NOT NULL,
  name TEXT NOT NULL
);

CREATE TABLE script (
  code TEXT PRIMARY KEY NOT NULL,  -- ISO 15924
  numeric TEXT NOT NULL,
  name TEXT NOT NULL
);

-- One row per entry. Each file is an object with one array, named like the standard.
CREATE TEMP TABLE entry AS
SELECT standard.column1 AS standard, item.value AS json
FROM (VALUES ('3166-1'), ('3166-2'), ('3166-3'), ('639-2'), ('639-3'), ('639-5'), ('4217'),
             ('15924')) AS standard,
  json_each(CAST(readfile('/usr/share/iso-codes/json/iso_' || standard.column1 || '.json') AS TEXT),
            '$."' || standard.column1 || '"') AS item;

INSERT INTO country
SELECT json ->> 'alpha_2', json ->> 'alpha_3', json ->> 'numeric',
  coalesce(json ->> 'common_name', json ->> 'name'), json ->> 'official_name', json ->> 'flag'
FROM entry WHERE standard = '3166-1';

INSERT INTO former_country
SELECT json ->> 'alpha_4', json ->> 'alpha_3', json ->> 'numeric', json ->> 'name',
  json ->> 'withdrawal_date', json ->> 'comment'
FROM entry WHERE standard = '3166-3';

-- A parent is given with or without its country.
INSERT INTO subdivision
SELECT code, country,
  CASE WHEN parent IS NULL OR substr(parent, 1, 3) = country || '-' THEN parent
       ELSE country || '-' || parent END,
  type, name
FROM (SELECT json ->> 'code' AS code, substr(json ->> 'code', 1, 2) AS country,
        json ->> 'parent' AS parent, json ->> 'type' AS type, json ->> 'name' AS name
      FROM entry WHERE standard = '3166-2');

INSERT INTO language_family
SELECT json ->> 'alpha_3', json ->> 'name' FROM entry WHERE standard = '639-5';

INSERT INTO language
SELECT json ->> 'alpha_3', json ->> 'alpha_2', json ->> 'scope', json ->> 'type', json ->> 'name',
  json ->> 'inverted_name'
FROM entry WHERE standard = '639-3';

INSERT INTO bibliographic_language
SELECT json ->> 'alpha_3', json ->> 'bibliographic',
  (SELECT code FROM language WHERE code = json ->> 'alpha_3'), json ->> 'name'
FROM entry WHERE standard = '639-2';

INSERT INTO currency
SELECT json ->> 'alpha_3', json ->> 'numeric', json ->> 'name' FROM entry WHERE standard = '4217';

INSERT INTO script
SELECT json ->> 'alpha_4', json ->> 'numeric', json ->> 'name' FROM entry WHERE standard = '15924';

COMMIT;
