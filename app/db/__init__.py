"""The database: its engine, its schema and the queries."""
