"""Certificates as PDF: set by Typst, signed by pyHanko. Bytes in, bytes out: no database, no clock."""
