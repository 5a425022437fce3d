-- Section 8 of the semantics reference.
SELECT hex(crsql_pack_columns());
SELECT hex(crsql_pack_columns(1, 'a', NULL, x'01', 2.0));
SELECT hex(crsql_pack_columns(0)), hex(crsql_pack_columns(128)), hex(crsql_pack_columns(255));
SELECT hex(crsql_pack_columns(2147483648)), hex(crsql_pack_columns(-1));
SELECT hex(crsql_pack_columns(1.5)), hex(crsql_pack_columns(1.0));
SELECT hex(crsql_pack_columns('')), hex(crsql_pack_columns(x''));
SELECT cell FROM crsql_unpack_columns WHERE package = crsql_pack_columns(1, 'a', NULL, x'01', 2.0);
SELECT rowid, cell, typeof(cell) FROM crsql_unpack_columns(x'0309800441ffffffffffffffff');
SELECT cell FROM crsql_unpack_columns(x'010901ffff');
SELECT count(*) FROM crsql_unpack_columns(x'00');
SELECT a.value, u.cell FROM json_each('[1,2]') a, crsql_unpack_columns(crsql_pack_columns(a.value, 'x')) u;
