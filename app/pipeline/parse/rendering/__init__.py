"""How text is written: tables, links and blocks."""
