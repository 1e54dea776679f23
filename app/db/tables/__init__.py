"""The tables, a module for each subject. Migrations create them."""
