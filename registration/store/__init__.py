"""PostgreSQL, the truth. The only importer of asyncpg; every statement is a named file under sql/."""
