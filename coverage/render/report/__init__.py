"""The report (.docx, .pdf): one module a chapter, and what they share."""
