-- What is there before the extension is loaded, and what afterwards.
.plain p
SELECT count(*) FROM pragma_function_list WHERE name GLOB 'crsql_*';
SELECT count(*) FROM pragma_module_list WHERE name GLOB 'crsql_*';
SELECT count(*) FROM sqlite_schema;
SELECT crsql_site_id();
.load
SELECT DISTINCT name FROM pragma_function_list WHERE name IN ('crsql_as_crr', 'crsql_as_table',
  'crsql_site_id', 'crsql_db_version', 'crsql_next_db_version', 'crsql_peek_next_db_version',
  'crsql_get_seq', 'crsql_increment_and_get_seq', 'crsql_rows_impacted', 'crsql_internal_sync_bit',
  'crsql_pack_columns', 'crsql_config_set', 'crsql_config_get', 'crsql_set_ts', 'crsql_get_ts',
  'crsql_set_db_version', 'crsql_finalize', 'crsql_version', 'crsql_sha', 'crsql_digest',
  'crsql_uuid7', 'crsql_version_vector', 'crsql_version_vector_json', 'crsql_apply',
  'crsql_changeset_json', 'crsql_token', 'crsql_has') ORDER BY name;
-- Not to be called from a schema: only what a trigger or view may need is innocuous (0x200000).
SELECT name, max(flags & 0x200000 > 0) FROM pragma_function_list WHERE name IN ('crsql_as_crr',
  'crsql_as_table', 'crsql_site_id', 'crsql_db_version', 'crsql_next_db_version',
  'crsql_peek_next_db_version', 'crsql_get_seq', 'crsql_rows_impacted', 'crsql_internal_sync_bit',
  'crsql_pack_columns', 'crsql_config_set', 'crsql_config_get', 'crsql_set_db_version',
  'crsql_version', 'crsql_version_vector', 'crsql_version_vector_json', 'crsql_apply',
  'crsql_changeset_json', 'crsql_token', 'crsql_has') GROUP BY name ORDER BY name;
SELECT name FROM pragma_module_list WHERE name IN ('crsql_changes', 'crsql_unpack_columns',
  'crsql_check', 'crsql_info', 'crsql_changesets') ORDER BY name;
SELECT name, type FROM sqlite_schema WHERE name IN ('crsql_site_id', 'crsql_tracked_peers',
  'crsql_db_versions') ORDER BY name;
SELECT name, type, hidden FROM pragma_table_xinfo('crsql_changes');
SELECT name FROM pragma_table_info('crsql_site_id');
SELECT name FROM pragma_table_info('crsql_tracked_peers');
SELECT name FROM pragma_table_info('crsql_db_versions');
SELECT name FROM pragma_table_info('crsql_check');
SELECT name FROM pragma_table_info('crsql_info');
SELECT name, type, hidden FROM pragma_table_xinfo('crsql_changesets');
SELECT length(crsql_site_id()), typeof(crsql_site_id());
SELECT site_id = crsql_site_id(), ordinal FROM crsql_site_id;
SELECT crsql_version(), crsql_db_version(), crsql_next_db_version(), crsql_get_seq();
SELECT crsql_finalize();
SELECT crsql_finalize();
.load
SELECT crsql_db_version();
