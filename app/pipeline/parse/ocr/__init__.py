"""Text recognition (OCR): on scanned pages, on pictures in pages with little text, and on uploaded pictures."""
