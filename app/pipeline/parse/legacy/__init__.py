"""Office formats before 2007: Word and PowerPoint documents in compound files."""
