"""The workbook (.xlsx): one module a group of sheets, and what they share."""
