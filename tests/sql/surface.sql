-- What is there before the extension is loaded, and columns and answers afterwards. All names and
-- flags: ext/SQL.md, compared by ext/reference_test.cc.
.plain p
SELECT count(*) FROM pragma_function_list WHERE name GLOB 'crsql_*';
SELECT count(*) FROM pragma_module_list WHERE name GLOB 'crsql_*';
SELECT count(*) FROM sqlite_schema;
SELECT crsql_site_id();
.load
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
